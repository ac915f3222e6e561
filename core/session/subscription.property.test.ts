import fc from 'fast-check';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { Home } from '../authority/home.testing.ts';
import { rendered } from '../codec/rendered.testing.ts';
import type { Key, Row } from '../commit/row-change.ts';
import { t } from '../module/column.ts';
import { schema } from '../module/schema.ts';
import { table } from '../module/table.ts';
import { bindSender } from '../query/bind-sender.ts';
import { parseQuery } from '../query/parse.ts';
import { predicate } from '../query/predicate.ts';
import { Identity } from '../value/identity.ts';
import { hubOf, pass, Visitor } from './visitor.testing.ts';

// So that a handful of rows makes a snapshot of several chunks.
vi.mock('../limits.ts', async (original) => {
  const { limits } = await original<typeof import('../limits.ts')>();
  return { limits: { ...limits, snapshotChunkRows: 3 } };
});

const piece = table(
  { public: true },
  { id: t.u32().primaryKey(), room: t.u32().index(), x: t.f64(), owner: t.identity(), note: t.option(t.string()) },
);
const board = schema({ piece });
const put = board.reducer({ row: piece.rowType }, (ctx, { row }) => {
  if (ctx.db.piece.id.find(row.id) === null) ctx.db.piece.insert(row);
  else ctx.db.piece.id.update(row);
});
const drop = board.reducer({ id: t.u32() }, (ctx, { id }) => {
  ctx.db.piece.id.delete(id);
});
const module = { default: board, put, drop };

const homes: Home[] = [];
afterEach(() => {
  for (const home of homes.splice(0)) home.kill();
});

const viewer = new Identity(1n);
const rowsById = fc.record({
  id: fc.nat(12),
  room: fc.nat(3),
  x: fc.constantFrom(0, 1, 2.5, Number.NaN),
  owner: fc.constantFrom(viewer, new Identity(2n)),
  note: fc.constantFrom(undefined, 'a', 'ab'),
});
const query = fc.constantFrom(
  'SELECT * FROM piece',
  'SELECT * FROM piece WHERE room = 1',
  'SELECT * FROM piece WHERE room = 2',
  'SELECT * FROM piece WHERE room IN (0, 1)',
  'SELECT * FROM piece WHERE x >= 1 AND x < 2.5',
  'SELECT * FROM piece WHERE owner = :sender',
  "SELECT * FROM piece WHERE note LIKE 'a%' OR room = 3",
  'SELECT * FROM piece WHERE NOT (note IS NULL)',
);
const queries = fc.array(query, { minLength: 1, maxLength: 2 });

type Act =
  | { readonly type: 'put'; readonly row: Row }
  | { readonly type: 'drop'; readonly id: number }
  | { readonly type: 'begin'; readonly queries: readonly string[] }
  | { readonly type: 'end'; readonly place: number }
  | { readonly type: 'tick' | 'pass' | 'hold' | 'letGo' | 'reconnect' };

const act: fc.Arbitrary<Act> = fc.oneof(
  { weight: 6, arbitrary: rowsById.map((row): Act => ({ type: 'put', row })) },
  { weight: 2, arbitrary: fc.nat(12).map((id): Act => ({ type: 'drop', id })) },
  { weight: 2, arbitrary: queries.map((list): Act => ({ type: 'begin', queries: list })) },
  { weight: 2, arbitrary: fc.nat(5).map((place): Act => ({ type: 'end', place })) },
  { weight: 5, arbitrary: fc.constantFrom<Act>({ type: 'tick' }, { type: 'pass' }) },
  { weight: 2, arbitrary: fc.constantFrom<Act>({ type: 'hold' }, { type: 'letGo' }) },
  { weight: 1, arbitrary: fc.constant<Act>({ type: 'reconnect' }) },
);

/** The rows as of each commit that was told. */
class History {
  readonly #rows = new Map<Key, Row>();
  readonly #states = new Map<number, readonly Row[]>();

  constructor({ authority }: Home) {
    this.#states.set(authority.durableSeq, []);
    authority.listen({
      durable: ({ commits, lastSeq }) => {
        for (const { key, after } of commits.flatMap(({ changes }) => changes)) {
          if (after === undefined) this.#rows.delete(key);
          else this.#rows.set(key, after);
        }
        this.#states.set(lastSeq, [...this.#rows.values()]);
      },
      unavailable: () => {},
    });
  }

  /** By definition: a row is there when one of the queries finds it. */
  at(seq: number, texts: readonly string[], home: Home): string[] {
    const matches = texts.map((sql) => {
      const plan = parseQuery(sql, home.authority.definition, { isVisible: () => true });
      return predicate(bindSender(plan, viewer).where);
    });
    const rows = this.#states.get(seq) ?? [];
    return rows
      .filter((row) => matches.some((isIn) => isIn([row], undefined)))
      .map(rendered)
      .sort();
  }
}

describe('subscriptions that begin and end while rows change', () => {
  it('[SUB-1] [SUB-2] [SUB-3] [SES-4] leave a client with exactly the rows that one of them holds, whenever one is told', async () => {
    const seen = { applied: 0, ended: 0, resumed: 0, checked: 0 };
    await fc.assert(
      fc.asyncProperty(fc.array(act, { minLength: 10, maxLength: 60 }), queries, async (acts, first) => {
        const home = await Home.open(module);
        homes.push(home);
        const hub = hubOf(home);
        const history = new History(home);
        const writer = home.client(9);
        const visitor = new Visitor(home, 1);
        const active = new Map<number, readonly string[]>();
        const asked = new Map<number, readonly string[]>([[1, first]]);
        /** Of all that were ever asked for: one may begin after its end was asked for. */
        const texts = new Map(asked);
        let [callId, lastId] = [0, 1];
        const text = () => visitor.rows('piece').map(rendered).sort();
        const check = (seq: number) => {
          seen.checked++;
          expect(text()).toEqual(history.at(seq, [...active.values()].flat(), home));
        };
        visitor.onApplied = (subscriptionId, seq) => {
          if (subscriptionId === 0) for (const [id, list] of asked) active.set(id, list);
          else active.set(subscriptionId, texts.get(subscriptionId) ?? []);
          seen.applied++;
          check(seq);
        };
        visitor.onEnded = (subscriptionId, seq) => {
          active.delete(subscriptionId);
          seen.ended++;
          check(seq);
        };
        const greet = async (subscriptions: readonly (readonly [number, readonly string[]])[]) => {
          visitor.connect(hub);
          visitor.messages.length = 0;
          visitor.hello({
            subscriptions: subscriptions.map(([subscriptionId, list]) => ({ subscriptionId, queries: list })),
          });
          await home.time.settle();
          if (visitor.welcome?.resumed === true) seen.resumed++;
        };
        await greet([[1, first]]);
        for (const each of acts) {
          if (each.type === 'put') home.call(writer, ++callId, 'put', { row: each.row });
          if (each.type === 'drop') home.call(writer, ++callId, 'drop', { id: each.id });
          if (each.type === 'begin') {
            asked.set(++lastId, each.queries);
            texts.set(lastId, each.queries);
            visitor.say({ type: 'subscribe', subscription: { subscriptionId: lastId, queries: each.queries } });
          }
          if (each.type === 'end') {
            const subscriptionId = [...asked.keys()][each.place % Math.max(1, asked.size)] ?? 0;
            asked.delete(subscriptionId);
            visitor.say({ type: 'unsubscribe', subscriptionId });
          }
          if (each.type === 'tick') home.time.tick();
          if (each.type === 'pass') await pass(home);
          if (each.type === 'hold') home.log.isHeld = true;
          if (each.type === 'letGo' || each.type === 'reconnect') {
            home.log.isHeld = false;
            home.log.letGo();
          }
          if (each.type !== 'reconnect') continue;
          await home.time.settle();
          visitor.hangUp();
          await home.time.settle();
          for (let i = 0; i < 5; i++)
            home.call(writer, ++callId, 'put', { row: { ...rowOf(i + callId), owner: viewer } });
          await home.time.settle();
          for (const id of asked.keys()) if (!active.has(id)) asked.delete(id);
          await greet([...active]);
          check(visitor.position?.seq ?? 0);
        }
        home.log.isHeld = false;
        home.log.letGo();
        await home.time.settle();
        check(home.authority.durableSeq);
        expect([...active.keys()].sort()).toEqual([...asked.keys()].sort());
        visitor.hangUp();
        await home.time.settle();
        // Nothing of a session outlives it.
        expect(hub.queries.size).toBe(0);
      }),
      { numRuns: Number(process.env.FORERUN_PROPERTY_RUNS ?? 60) },
    );
    expect(seen.applied).toBeGreaterThan(100);
    expect(seen.ended).toBeGreaterThan(50);
    expect(seen.resumed).toBeGreaterThan(5);
  });
});

function rowOf(n: number): Row {
  return { id: n % 13, room: n % 4, x: n % 3, owner: viewer, note: n % 2 === 0 ? undefined : 'a' };
}
