import fc from 'fast-check';
import { afterEach, describe, expect, test, vi } from 'vitest';
import { Home, identityOf } from '../../core/authority/home.testing.ts';
import type { Row, RowChange } from '../../core/commit/row-change.ts';
import type { SessionHub } from '../../core/session/hub.ts';
import { ForerunError } from '../../core/errors.ts';
import { SlowVisitor } from '../../core/session/slow-visitor.testing.ts';
import { hubOf } from '../../core/session/visitor.testing.ts';
import { queryOf } from '../../server/http/sql.ts';
import * as house from './house.ts';

// So that a few commits are too much, and a handful of rows makes a snapshot of several chunks.
vi.mock('../../core/limits.ts', async (original) => {
  const { limits } = await original<typeof import('../../core/limits.ts')>();
  return { limits: { ...limits, snapshotChunkRows: 2, behindBufferedBytesMax: 80 } };
});

const homes: Home[] = [];
afterEach(() => {
  for (const home of homes.splice(0)) home.kill();
});

const viewers = [1, 2];
const isViewer = (who: unknown, viewer: number): boolean => identityOf(viewer).isEqual(who as never);
const textOf = (row: Row): string => String(row['text'] ?? row['key']);

/** What a viewer may see now, by definition, from all rows. */
function visible(home: Home, viewer: number): Readonly<Record<string, readonly Row[]>> {
  const isMember = (id: unknown): boolean =>
    home.rows('member').some((each) => each['room'] === id && isViewer(each['who'], viewer));
  const room = home.rows('room').filter((each) => isViewer(each['owner'], viewer) || isMember(each['id']));
  const inRooms = (accessor: string): Row[] =>
    home.rows(accessor).filter((row) => room.some((each) => each['id'] === row['room']));
  const own = home.rows('vault').filter((each) => isViewer(each['owner'], viewer));
  return {
    room,
    message: inRooms('message'),
    cursor: inRooms('cursor'),
    typing: home.rows('typing').filter((each) => isViewer(each['owner'], viewer)),
    opened: own.some((each) => each['broken']) ? [] : own,
    notices: home.rows('vault').filter((each) => each['isOpen']),
  };
}

type Seen = ReturnType<typeof visible>;
const queries: readonly (readonly [sql: string, accessor: string, matches: (row: Row, seen: Seen) => boolean])[] = [
  ['SELECT * FROM room', 'room', () => true],
  ['SELECT * FROM message', 'message', () => true],
  ['SELECT * FROM message WHERE mark = 1', 'message', (row) => row['mark'] === 1],
  [
    'SELECT message.* FROM message JOIN room ON room.id = message.room WHERE room.owner = :sender',
    'message',
    (row, seen) => seen['room']?.some((each) => each['id'] === row['room'] && each['isOwn'] === true) === true,
  ],
  ['SELECT * FROM cursor', 'cursor', () => true],
  ['SELECT * FROM typing', 'typing', () => true],
  ['SELECT * FROM typing WHERE slot = 1', 'typing', (row) => row['slot'] === 1],
  ['SELECT * FROM opened', 'opened', () => true],
  ['SELECT * FROM notices', 'notices', () => true],
  ['SELECT * FROM notices WHERE owner = :sender', 'notices', (row) => row['isOwn'] === true],
  [
    'SELECT message.* FROM message JOIN opened ON opened.id = message.id',
    'message',
    (row, seen) => seen['opened']?.some((each) => each['id'] === row['id']) === true,
  ],
  ['SELECT * FROM shout', 'shout', () => false],
];
/** Of these too nothing may come but what is visible; most are refused. */
const curious = [
  'SELECT * FROM vault',
  'SELECT * FROM member',
  'SELECT message.* FROM message JOIN vault ON vault.id = message.id',
  'SELECT * FROM message WHERE secret = 1',
  'SELECT * FROM _opened_1',
  'SELECT * FROM opened WHERE text = 5',
  'SELECT count(*) FROM message',
  'SELECT m.* FROM message AS m JOIN message AS n ON m.mark = n.mark',
  'SELECT room.* FROM room JOIN message ON room.id = message.room',
];

const types = [
  ...(['room', 'member', 'member', 'message', 'message', 'cursor', 'shout', 'vault', 'vault', 'nothing'] as const),
  ...(['typing', 'typing'] as const),
  ...(['begin', 'begin', 'end', 'curious', 'reconnect', 'afresh'] as const),
  ...(['stop', 'go', 'tick', 'tick', 'settle', 'http'] as const),
];
interface Act {
  readonly type: (typeof types)[number];
  readonly viewer: number;
  readonly id: number;
  readonly who: number;
  readonly n: number;
  /** By the viewer's own client, and not by another. */
  readonly own: boolean;
}
const act = fc.record<Act>({
  type: fc.constantFrom(...types),
  viewer: fc.nat(1),
  id: fc.nat(3),
  who: fc.integer({ min: 1, max: 3 }),
  n: fc.nat(60),
  own: fc.boolean(),
});
const changes: ReadonlySet<string> = new Set([
  ...['room', 'member', 'message', 'cursor', 'typing', 'shout', 'vault', 'nothing'],
]);

describe('what a client can ever observe', () => {
  test('[VIS-1] [VIS-2] [VIS-3] [EPH-12] [EPH-13] [VIW-3] [VIW-4] [VIW-7] [HTT-3] is, by every route and in every byte, what a naive evaluation allows', async () => {
    const seen = { rows: 0, hidden: 0, texts: 0, refused: 0, resumed: 0, behind: 0, events: 0, http: 0, failed: 0 };
    await fc.assert(
      fc.asyncProperty(
        fc.array(act, { minLength: 30, maxLength: 90 }),
        fc.subarray([...queries.keys()], { minLength: 1, maxLength: 4 }),
        async (acts, first) => new Scene(await openHome(), seen).play(acts, first),
      ),
      { numRuns: Number(process.env['FORERUN_PROPERTY_RUNS'] ?? 45), endOnFailure: true },
    );
    for (const [what, count] of Object.entries(seen)) expect([what, count > 10]).toEqual([what, true]);
  }, 90_000);

  test('[EPH-12] [SUB-2] leaves nothing of a subscription that ends just when a row has left it for another one’s sake', async () => {
    const by = { viewer: 0, id: 2, own: false };
    const acts: readonly Act[] = [
      { ...by, type: 'room', who: 2, n: 2 },
      { ...by, type: 'end', who: 2, n: 2 },
      { ...by, type: 'member', who: 2, n: 2 },
    ];
    const cursors = queries.findIndex(([, accessor]) => accessor === 'cursor');
    await new Scene(await openHome(), {}).play(acts, [cursors]);
  });
});

async function openHome(): Promise<Home> {
  const home = await Home.open(house);
  homes.push(home);
  return home;
}

interface Watcher {
  readonly viewer: number;
  readonly visitor: SlowVisitor;
  readonly asked: Map<number, (typeof queries)[number]>;
  calls: number;
  /** All texts that the viewer was ever allowed to see, as of some commit. */
  readonly allowed: Set<string>;
}

class Scene {
  readonly #home: Home;
  readonly #seen: Record<string, number>;
  readonly #hub: SessionHub;
  readonly #clients: readonly Watcher[];
  #written = 0;
  #lastId = 0;
  #failed = 0;
  /** Over HTTP. */
  readonly #answers: {
    readonly viewer: number;
    readonly sql: string;
    readonly texts: readonly string[];
    readonly expected: readonly string[] | undefined;
  }[] = [];

  constructor(home: Home, seen: Record<string, number>) {
    this.#home = home;
    this.#seen = seen;
    this.#hub = hubOf(home, { viewFailed: () => void this.#failed++ });
    this.#clients = viewers.map((viewer) => ({
      viewer,
      visitor: new SlowVisitor(home, viewer),
      asked: new Map<number, (typeof queries)[number]>(),
      calls: 0,
      allowed: new Set<string>(),
    }));
    home.authority.listen({
      durable: ({ ephemeral }) => {
        for (const { changes } of ephemeral) this.#noteTyping(changes);
      },
      unavailable: () => {},
    });
  }

  async play(acts: readonly Act[], first: readonly number[]): Promise<void> {
    const home = this.#home;
    for (const id of [0, 1, 2])
      for (const type of ['room', 'member', 'message', 'cursor', 'typing', 'vault'] as const)
        this.#change({ type, viewer: 0, id, who: 1 + ((id + 1) % 3), n: id, own: false });
    for (const client of this.#clients) {
      for (const query of first) client.asked.set(++this.#lastId, queries[query] as (typeof queries)[number]);
      this.#connect(client, true);
    }
    await home.time.settle();
    for (const each of acts) {
      if (changes.has(each.type)) this.#change(each);
      else await this.#turn(each);
      this.#note();
      this.#add('behind', this.#hub.slowReaders?.count ?? 0);
    }
    for (const { visitor } of this.#clients) {
      visitor.reads = true;
      visitor.read();
    }
    await home.time.advance(500);
    await home.time.settle();
    this.#note();
    this.#compare();
    this.#checkBytes();
    this.#checkAnswers();
    this.#add('failed', this.#failed);
  }

  async #turn({ type, viewer, n }: Act): Promise<void> {
    const home = this.#home;
    const client = this.#clients[viewer] as Watcher;
    const { visitor, asked } = client;
    const query = queries[n % queries.length] as (typeof queries)[number];
    if (type === 'begin') {
      asked.set(++this.#lastId, query);
      visitor.say({ type: 'subscribe', subscription: { subscriptionId: this.#lastId, queries: [query[0]] } });
    } else if (type === 'end') {
      const [id] = asked.keys();
      if (id === undefined) return;
      asked.delete(id);
      visitor.say({ type: 'unsubscribe', subscriptionId: id });
    } else if (type === 'curious') {
      const sql = curious[n % curious.length] as string;
      visitor.say({ type: 'subscribe', subscription: { subscriptionId: ++this.#lastId, queries: [sql] } });
      visitor.say({ type: 'unsubscribe', subscriptionId: this.#lastId });
    } else if (type === 'stop') visitor.reads = false;
    else if (type === 'go') {
      visitor.reads = true;
      visitor.read();
    } else if (type === 'tick') home.time.tick();
    else if (type === 'http') this.#askHttp(viewers[viewer] as number, n);
    else if (type === 'settle') {
      await home.time.advance(100);
      await home.time.settle();
      if (this.#clients.every((each) => each.visitor.reads)) this.#compare();
    } else {
      visitor.reads = true;
      visitor.read();
      await home.time.advance(100);
      await home.time.settle();
      this.#compareIfRead();
      // It asks again for what it was not refused.
      this.#forgetRefused(client);
      visitor.hangUp();
      await home.time.settle();
      this.#change({ type: 'message', viewer: 0, id: n % 4, who: 3, n, own: false });
      await home.time.settle();
      this.#connect(client, type === 'afresh');
      await home.time.settle();
      if (visitor.welcome?.resumed === true) this.#add('resumed', 1);
    }
  }

  #connect({ visitor, asked }: Watcher, isAfresh: boolean): void {
    visitor.connect(this.#hub);
    visitor.hello({
      ...(isAfresh && { position: undefined }),
      subscriptions: [...asked].map(([subscriptionId, [sql]]) => ({ subscriptionId, queries: [sql] })),
    });
  }

  #change({ type, viewer, id, who, n, own }: Act): void {
    const home = this.#home;
    const text = `secret-${++this.#written};`;
    const args = { kind: type, id, room: n % 3, who: identityOf(who), mark: n % 4, flag: n % 2 === 0, text };
    const client = this.#clients[viewer] as Watcher;
    if (own) client.visitor.call(++client.calls, 'change', args);
    else {
      const writer = home.client(9);
      home.call(writer, writer.lastCallId + 1, 'change', args);
    }
    this.#note();
    // Who sees the room when it is shouted hears it.
    if (type !== 'shout') return;
    for (const each of this.#clients)
      if (visible(home, each.viewer)['room']?.some((room) => room['id'] === args.room)) each.allowed.add(text);
  }

  #note(): void {
    for (const { viewer, allowed } of this.#clients)
      for (const rows of Object.values(visible(this.#home, viewer))) for (const row of rows) allowed.add(textOf(row));
  }

  /** A row that was somebody's in the middle of a batch only may leave them. */
  #noteTyping(changes: readonly RowChange[]): void {
    for (const row of changes.flatMap(({ after }): readonly Row[] => (after === undefined ? [] : [after])))
      for (const { viewer, allowed } of this.#clients)
        if (row['key'] !== undefined && isViewer(row['owner'], viewer)) allowed.add(textOf(row));
  }

  /** As the route does it: between two batches, so that tables and views are as of the same moment. */
  #askHttp(viewer: number, n: number): void {
    const all = [...queries.map(([sql]) => sql), ...curious];
    const sql = all[n % all.length] as string;
    const asked = queries.filter(([text]) => text === sql);
    this.#home.authority.betweenBatches(() => {
      const answer = this.#answerOf(viewer, sql);
      const expected =
        asked.length > 0 && !answer.isRefused ? this.#expected(viewer, asked, asked[0]?.[1] ?? '') : undefined;
      this.#answers.push({ viewer, sql, texts: answer.texts, expected });
    });
  }

  #answerOf(viewer: number, sql: string): { readonly texts: readonly string[]; readonly isRefused: boolean } {
    const asker = { identity: identityOf(viewer), isOwner: false };
    try {
      const { engine } = this.#home.authority;
      const { rows } = queryOf({ engine, views: this.#hub.views }, sql, asker)();
      return { texts: textsIn(JSON.stringify(rows.map((row) => row.map(String)))), isRefused: false };
    } catch (error) {
      if (!(error instanceof ForerunError)) throw error;
      return { texts: textsIn(error.message), isRefused: true };
    }
  }

  #checkAnswers(): void {
    for (const { viewer, sql, texts, expected } of this.#answers) {
      if (expected !== undefined) expect([sql, texts]).toEqual([sql, expected]);
      const allowed = this.#clients[viewer - 1]?.allowed;
      expect([sql, texts.filter((text) => allowed?.has(text) !== true)]).toEqual([sql, []]);
      this.#add('http', texts.length);
    }
  }

  #expected(viewer: number, asked: readonly (typeof queries)[number][], accessor: string): string[] {
    const now = Object.fromEntries(
      Object.entries(visible(this.#home, viewer)).map(([name, rows]) => [
        name,
        rows.map((row) => ({ ...row, isOwn: row['owner'] !== undefined && isViewer(row['owner'], viewer) })),
      ]),
    );
    const matching = asked.filter(([, of]) => of === accessor);
    return (now[accessor] ?? [])
      .filter((row) => matching.some(([, , matches]) => matches(row, now)))
      .map(textOf)
      .sort();
  }

  #compareIfRead(): void {
    if (this.#clients.every((each) => each.visitor.reads)) this.#compare();
  }

  #compare(): void {
    for (const client of this.#clients) {
      this.#forgetRefused(client);
      const { viewer, visitor, asked } = client;
      for (const accessor of ['room', 'message', 'cursor', 'typing', 'opened', 'notices']) {
        const expected = this.#expected(viewer, [...asked.values()], accessor);
        expect([accessor, viewer, visitor.rows(accessor).map(textOf).sort()]).toEqual([accessor, viewer, expected]);
        this.#add('rows', expected.length);
        this.#add('hidden', this.#home.rows(accessor).length - expected.length);
      }
    }
  }

  /** While the view fails. */
  #forgetRefused({ visitor, asked }: Watcher): void {
    for (const { subscriptionId } of visitor.of('subscriptionRefused'))
      if (asked.delete(subscriptionId)) this.#add('refused', 1);
  }

  #checkBytes(): void {
    for (const { viewer, visitor, allowed } of this.#clients) {
      const bytes = Buffer.concat(visitor.frames.map((frame) => Buffer.from(frame))).toString('latin1');
      const texts = textsIn(bytes);
      for (const text of texts) expect([viewer, allowed.has(text) ? '' : text]).toEqual([viewer, '']);
      this.#add('texts', texts.length);
      this.#add('events', visitor.events.length);
    }
  }

  #add(what: string, count: number): void {
    this.#seen[what] = (this.#seen[what] ?? 0) + count;
  }
}

function textsIn(bytes: string): string[] {
  return [...bytes.matchAll(/secret-\d+;/g)].map(([text]) => text).sort();
}
