import { count, sql } from 'forerun';
import { Component, memo, type ReactElement, type ReactNode, StrictMode, Suspense, useState } from 'react';
import { createRoot, type Root } from 'react-dom/client';
import { flushSync } from 'react-dom';
import { afterEach, beforeEach, expect, test } from 'vitest';
import type { LiveRows } from './client/live-rows.ts';
import type { SqlValue } from '../core/engine/sql-value.ts';
import { Desk, type DeskClient, type deskModule } from './desk.testing.ts';
import { ForerunProvider, useCounters, useLive, useLiveSuspense, useReducer, useReducers, useStatus } from './react.ts';

interface Item {
  readonly id: number;
  readonly text: string;
  readonly count: number;
}

const byId = 'SELECT * FROM item ORDER BY id';

let desk: Desk;
let client: DeskClient;
let root: Root;
let page: HTMLElement;

beforeEach(async () => {
  desk = await Desk.open();
  client = (await desk.seat()).client;
  page = document.createElement('main');
  // The error boundary below shows what it caught.
  root = createRoot(page, { onCaughtError: () => {} });
});

afterEach(() => root.unmount());

function show(content: ReactNode): void {
  flushSync(() => root.render(<ForerunProvider client={client}>{content}</ForerunProvider>));
}

function Items({ sql = byId }: { readonly sql?: string }): ReactElement {
  return <>{useLive<Item>(sql).map(({ id, text, count }) => `${id}${text}${count} `)}</>;
}

/** Shows what was thrown below it. */
class Boundary extends Component<{ readonly children: ReactNode }, { readonly error?: Error }> {
  override state: { readonly error?: Error } = {};
  static getDerivedStateFromError(error: Error): { readonly error: Error } {
    return { error };
  }
  override render(): ReactNode {
    return this.state.error?.message ?? this.props.children;
  }
}

test('useLive shows the rows, and renders again when they change', async () => {
  show(<Items />);
  expect(page.textContent).toBe('');
  client.reducers.put({ id: 1, text: 'a' });
  await expect.poll(() => page.textContent).toBe('1a0 ');
  client.reducers.bump({ id: 1 });
  await expect.poll(() => page.textContent).toBe('1a1 ');
});

test('useLive takes a table as well, and its rows are typed', async () => {
  function All(): ReactElement {
    return <>{useLive(client.tables.item).map(({ id, text }) => `${id}${text}`)}</>;
  }
  show(<All />);
  client.reducers.put({ id: 1, text: 'a' });
  await expect.poll(() => page.textContent).toBe('1a');
});

test('a component of a row that has not changed does not render again', async () => {
  const rendered: number[] = [];
  const Row = memo(function Row({ item }: { readonly item: Item }) {
    rendered.push(item.id);
    return <p>{item.count}</p>;
  });
  function Rows(): ReactElement {
    return (
      <>
        {useLive<Item>(byId).map((item) => (
          <Row key={item.id} item={item} />
        ))}
      </>
    );
  }
  client.reducers.put({ id: 1, text: 'a' });
  client.reducers.put({ id: 2, text: 'b' });
  show(<Rows />);
  await expect.poll(() => page.textContent).toBe('00');
  rendered.length = 0;
  client.reducers.bump({ id: 2 });
  await expect.poll(() => page.textContent).toBe('01');
  expect(rendered).toEqual([2]);
});

test('in strict mode one query runs, and none once the component has gone', async () => {
  const running = new Set<LiveRows<unknown>>();
  const most = { running: 0 };
  const watched: DeskClient = {
    ...client,
    live: (...source: unknown[]) => {
      const rows = Reflect.apply(client.live, client, source);
      running.add(rows);
      most.running = Math.max(most.running, running.size);
      return Object.defineProperty(rows, 'close', { value: () => running.delete(rows) });
    },
  };
  flushSync(() =>
    root.render(
      <StrictMode>
        <ForerunProvider client={watched}>
          <Items />
        </ForerunProvider>
      </StrictMode>,
    ),
  );
  await expect.poll(() => running.size).toBe(1);
  flushSync(() => root.render(null));
  await expect.poll(() => running.size).toBe(0);
  expect(most.running).toBe(1);
});

test('with other parameters the rows stay until the new ones are here', async () => {
  for (const id of [1, 2]) client.reducers.put({ id, text: 'a' });
  const seen: string[] = [];
  let choose: (id: number) => void = () => {};
  function Chosen(): ReactElement {
    const [id, setId] = useState(1);
    choose = setId;
    const text = useLive<Item>('SELECT * FROM item WHERE id = ?', id)
      .map((item) => item.id)
      .join();
    seen.push(text);
    return <>{text}</>;
  }
  show(<Chosen />);
  await expect.poll(() => page.textContent).toBe('1');
  seen.length = 0;
  flushSync(() => choose(2));
  await expect.poll(() => page.textContent).toBe('2');
  flushSync(() => choose(3));
  await expect.poll(() => page.textContent).toBe('');
  expect(seen.indexOf('')).toBeGreaterThan(seen.lastIndexOf('2'));
  expect(seen[0]).toBe('1');
});

test('[LIV-11] shows no row of another shape while its query becomes another', async () => {
  for (const id of [5, 6]) client.reducers.put({ id, text: 'a' });
  const seen: string[] = [];
  let choose: (grouped: boolean) => void = () => {};
  function Either(): ReactElement {
    const [grouped, setGrouped] = useState(false);
    choose = setGrouped;
    const { item } = client.tables;
    const each = item.select((row) => ({ text: row.text, n: row.id }));
    const counts = item.groupBy((row) => row.text).select((row) => ({ text: row.text, n: count() }));
    const shown = useLive(grouped ? counts : each)
      .map(({ text, n }) => `${text}${n}`)
      .join();
    seen.push(`${grouped} ${shown}`);
    return <>{shown}</>;
  }
  show(<Either />);
  await expect.poll(() => page.textContent).toBe('a5,a6');
  flushSync(() => choose(true));
  await expect.poll(() => page.textContent).toBe('a2');
  expect(new Set(seen)).toEqual(new Set(['false ', 'false a5,a6', 'true ', 'true a2']));
});

test('[LIV-11] values that look alike and are of two types are two queries', async () => {
  function Kind({ value }: { readonly value: SqlValue }): ReactElement {
    return <>{useLive<{ readonly t: string }>('SELECT typeof(?) AS t', value).map(({ t: type }) => type)}</>;
  }
  show(<Kind value="5n" />);
  await expect.poll(() => page.textContent).toBe('text');
  show(<Kind value={5n} />);
  await expect.poll(() => page.textContent).toBe('integer');
});

test('[LIV-11] a query written inline is the one of the last render, and renders for its changes only', async () => {
  const started: unknown[] = [];
  const watched: DeskClient = {
    ...client,
    live: (...source: unknown[]) => {
      started.push(source[0]);
      return Reflect.apply(client.live, client, source);
    },
  };
  let renders = 0;
  let again: (turn: number) => void = () => {};
  function Best(): ReactElement {
    const [turn, setTurn] = useState(0);
    again = setTurn;
    renders++;
    const best = useLive(
      client.tables.item
        .where((item) => item.count.gte(1))
        .orderBy((item) => item.id.desc())
        .limit(2),
    );
    const first = useLive<Item>(sql`SELECT * FROM item WHERE id = ${1}`);
    return <>{`${turn} ${best.map(({ id }) => id).join()} ${first.length}`}</>;
  }
  flushSync(() =>
    root.render(
      <ForerunProvider client={watched}>
        <Best />
      </ForerunProvider>,
    ),
  );
  for (const id of [1, 2, 3]) client.reducers.put({ id, text: 'a' });
  for (const id of [1, 3]) client.reducers.bump({ id });
  await expect.poll(() => page.textContent).toBe('0 3,1 1');
  flushSync(() => again(1));
  expect(page.textContent).toBe('1 3,1 1');
  expect(started).toHaveLength(2);
  renders = 0;
  // Not among the rows of either query.
  client.reducers.put({ id: 2, text: 'b' });
  client.reducers.bump({ id: 3 });
  await desk.time.advance(1);
  await expect.poll(() => renders).toBe(1);
});

test('[LIV-11] useLiveSuspense shows what waits until the first rows are here, and never an empty result before', async () => {
  client.reducers.put({ id: 1, text: 'a' });
  await desk.time.advance(1);
  const seen: number[] = [];
  const running = new Set<LiveRows<unknown>>();
  const release = Promise.withResolvers<void>();
  const slow: DeskClient = {
    ...client,
    live: (...source: unknown[]) => {
      const rows = Reflect.apply(client.live, client, source);
      running.add(rows);
      const close = rows.close;
      const isOpen = { now: false };
      void release.promise.then(() => (isOpen.now = true));
      return Object.defineProperties(Object.create(rows), {
        isReady: { get: () => isOpen.now },
        rows: { get: () => rows.rows },
        error: { get: () => rows.error },
        ready: { value: () => release.promise },
        subscribe: { value: rows.subscribe },
        close: { value: () => running.delete(rows) && close() },
      });
    },
  };
  function All(): ReactElement {
    const rows = useLiveSuspense(client.tables.item);
    seen.push(rows.length);
    return <>{rows.map(({ id }) => id).join()}</>;
  }
  flushSync(() =>
    root.render(
      <StrictMode>
        <ForerunProvider client={slow}>
          <Suspense fallback="waiting">
            <All />
          </Suspense>
        </ForerunProvider>
      </StrictMode>,
    ),
  );
  expect(page.textContent).toBe('waiting');
  expect(running.size).toBe(1);
  release.resolve();
  await expect.poll(() => page.textContent).toBe('1');
  expect(seen).not.toContain(0);
  client.reducers.put({ id: 2, text: 'b' });
  await expect.poll(() => page.textContent).toBe('1,2');
  flushSync(() => root.render(null));
  await expect.poll(() => running.size).toBe(0);
});

test('a query that SQLite refuses is thrown to the error boundary', async () => {
  show(
    <Boundary>
      <Items sql="SELECT * FROM nowhere" />
    </Boundary>,
  );
  await expect.poll(() => page.textContent).toContain('no such table: nowhere');
});

test('useReducers and useReducer give functions that call, typed by the module', async () => {
  function Buttons(): ReactElement {
    const { put } = useReducers<typeof deskModule>();
    const bump = useReducer<typeof deskModule, 'bump'>('bump');
    return (
      <button
        type="button"
        onClick={() => {
          put({ id: 1, text: 'a' });
          bump({ id: 1 });
        }}
      >
        both
      </button>
    );
  }
  show(<Buttons />);
  page.querySelector('button')?.click();
  await desk.time.advance(1);
  expect(desk.home.rows('item')).toEqual([{ id: 1, text: 'a', count: 1 }]);
});

test('useStatus and useCounters follow the client', async () => {
  function Line(): ReactElement {
    const { type, pending } = useStatus();
    return <>{`${type} ${pending} ${useCounters().confirmed}`}</>;
  }
  show(<Line />);
  expect(page.textContent).toBe('live 0 0');
  client.simulate({ latencyMs: 100 });
  client.reducers.put({ id: 1, text: 'a' });
  await expect.poll(() => page.textContent).toBe('live 1 0');
  await desk.time.advance(101);
  await expect.poll(() => page.textContent).toBe('live 0 1');
  client.simulate({ offline: true });
  await desk.time.advance(1);
  await expect.poll(() => page.textContent).toBe('offline 0 1');
});

test('outside of a provider a hook says what is missing', () => {
  flushSync(() =>
    root.render(
      <Boundary>
        <Items />
      </Boundary>,
    ),
  );
  expect(page.textContent).toContain('there is no <ForerunProvider client={…}> above this component');
});
