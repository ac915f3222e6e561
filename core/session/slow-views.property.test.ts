import fc from 'fast-check';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { Home, identityOf } from '../authority/home.testing.ts';
import { rendered } from '../codec/rendered.testing.ts';
import { SlowVisitor } from './slow-visitor.testing.ts';
import { hallModule, hallQueries, type Matches, naiveViews, sqlOf } from './views.testing.ts';
import { hubOf, pass } from './visitor.testing.ts';

// So that a few commits are too much, and a handful of rows makes a snapshot of several chunks.
vi.mock('../limits.ts', async (original) => {
  const { limits } = await original<typeof import('../limits.ts')>();
  return { limits: { ...limits, snapshotChunkRows: 3, behindBufferedBytesMax: 60 } };
});

const homes: Home[] = [];
afterEach(() => {
  for (const home of homes.splice(0)) home.kill();
});

/** Queries of tables beside those of views, alone and joined, so that rows are held by several. */
const queries: readonly (readonly [sql: string, accessor: string, matches: Matches])[] = [
  ...hallQueries.map(([sql, accessor, matches]) => [sqlOf(sql), accessor, matches] as const),
  ['SELECT * FROM player WHERE score > 4', 'player', (row) => Number(row['score']) > 4],
  [
    'SELECT player.* FROM player JOIN room ON room.id = player.room WHERE room.is_open',
    'player',
    (row, home) => home.rows('room').some((each) => each['id'] === row['room'] && each['isOpen'] === true),
  ],
  [
    'SELECT p.* FROM player AS p JOIN player AS q ON p.room = q.room WHERE q.score = 3',
    'player',
    (row, home) => home.rows('player').some((each) => each['room'] === row['room'] && each['score'] === 3),
  ],
  [
    'SELECT player.* FROM player JOIN my_notes ON player.id = my_notes.id',
    'player',
    (row, home, viewer) => (naiveViews['myNotes']?.(home, viewer) ?? []).some(({ id }) => id === row['id']),
  ],
];
const accessors = ['player', ...Object.keys(naiveViews)];

const types = [
  ...(['player', 'player', 'player', 'room', 'note', 'ownPlayer', 'ownPlayer', 'ownNote'] as const),
  ...(['stop', 'stop', 'go', 'read', 'pass', 'pass', 'pass', 'wait', 'settle'] as const),
  ...(['begin', 'end', 'reconnect', 'hold', 'letGo'] as const),
];
interface Act {
  readonly type: (typeof types)[number];
  readonly who: number;
  readonly id: number;
  readonly n: number;
  readonly flag: boolean;
}
const act = fc.record<Act>({
  type: fc.constantFrom(...types),
  who: fc.nat(1),
  id: fc.nat(3),
  n: fc.nat(9),
  flag: fc.boolean(),
});

describe('readers of views and joined tables that stop and go on', () => {
  it('[SLO-1] [SLO-2] [SLO-3] [SES-3] [SES-4] have in the end the rows that there are for them, and never saw another', async () => {
    const seen = { behind: 0, resumed: 0, rows: 0, outcomes: 0 };
    await fc.assert(
      fc.asyncProperty(
        fc.array(act, { minLength: 30, maxLength: 110 }),
        fc.subarray([...queries.keys()], { minLength: 1, maxLength: 4 }),
        async (acts, first) => run(acts, first, seen),
      ),
      { numRuns: Number(process.env['FORERUN_PROPERTY_RUNS'] ?? 40) },
    );
    expect(seen.behind).toBeGreaterThan(50);
    expect(seen.resumed).toBeGreaterThan(5);
    expect(seen.rows).toBeGreaterThan(100);
    expect(seen.outcomes).toBeGreaterThan(100);
  }, 90_000);
});

async function run(
  acts: readonly Act[],
  first: readonly number[],
  seen: { behind: number; resumed: number; rows: number; outcomes: number },
): Promise<void> {
  const home = await Home.open(hallModule);
  homes.push(home);
  const hub = hubOf(home);
  const writer = home.client(9);
  let [callId, lastId, marks] = [0, 0, 0];
  const slow = [1, 2].map((viewer) => ({
    viewer,
    visitor: new SlowVisitor(home, viewer),
    asked: new Map<number, (typeof queries)[number]>(),
    /** Those that have begun. */
    here: new Set<number>(),
    calls: 0,
    isGreeted: true,
    everAllowed: new Set<string>(),
  }));
  const note = (): void => {
    for (const { viewer, everAllowed } of slow)
      for (const row of naiveViews['myNotes']?.(home, viewer) ?? []) everAllowed.add(String(row['line']));
  };
  const call = (reducer: string, args: object): void => {
    home.call(writer, ++callId, reducer, args);
    note();
  };
  for (const id of [0, 1, 2]) {
    call('setRoom', { id, isOpen: id > 0, gone: false });
    call('setPlayer', { id, who: identityOf(1 + (id % 2)), room: id, score: id * 3, gone: false });
    call('setNote', { id, room: id, text: `secret-${++marks}`, broken: false, gone: false });
  }
  await home.time.settle();
  for (const each of slow) {
    const { visitor, asked, here } = each;
    for (const query of first) asked.set(++lastId, queries[query] as (typeof queries)[number]);
    for (const id of asked.keys()) here.add(id);
    visitor.onApplied = (id) => {
      if (id === 0) each.isGreeted = true;
      else here.add(id);
    };
    visitor.onEnded = (id) => void here.delete(id);
    visitor.connect(hub);
    visitor.hello({ subscriptions: [...asked].map(([subscriptionId, [sql]]) => ({ subscriptionId, queries: [sql] })) });
  }
  await home.time.settle();
  for (const { type, who, id, n, flag } of acts) {
    const each = slow[who] as (typeof slow)[number];
    const { visitor, asked, here } = each;
    const player = { id, who: identityOf(1 + (n % 3)), room: n % 3, score: n, gone: n === 9 };
    const text = `secret-${++marks}`;
    if (type === 'player') call('setPlayer', player);
    if (type === 'room') call('setRoom', { id: id % 3, isOpen: flag, gone: n === 9 });
    if (type === 'note') call('setNote', { id, room: n % 3, text, broken: n === 8, gone: n === 9 });
    if (type === 'ownPlayer') visitor.call(++each.calls, 'setPlayer', player);
    if (type === 'ownNote')
      visitor.call(++each.calls, 'setNote', { id, room: n % 3, text, broken: false, gone: false });
    if (type === 'stop') visitor.reads = false;
    if (type === 'read') visitor.read(1 + id);
    if (type === 'go') {
      visitor.reads = true;
      visitor.read();
    }
    if (type === 'pass') await pass(home);
    if (type === 'wait') await home.time.advance(60);
    if (type === 'settle') await home.time.settle();
    if (type === 'hold') home.log.isHeld = true;
    if (type === 'letGo') {
      home.log.isHeld = false;
      home.log.letGo();
    }
    if (type === 'begin') {
      const query = queries[n % queries.length] as (typeof queries)[number];
      asked.set(++lastId, query);
      visitor.say({ type: 'subscribe', subscription: { subscriptionId: lastId, queries: [query[0]] } });
    }
    const [ending] = asked.keys();
    if (type === 'end' && ending !== undefined) {
      asked.delete(ending);
      visitor.say({ type: 'unsubscribe', subscriptionId: ending });
    }
    if (type === 'reconnect') {
      const isExact = each.isGreeted && asked.size === here.size && [...asked.keys()].every((began) => here.has(began));
      const welcomes = visitor.of('welcome').length;
      home.log.isHeld = false;
      home.log.letGo();
      visitor.reads = true;
      visitor.connect(hub);
      visitor.hello({
        ...(!isExact && { position: undefined }),
        subscriptions: [...asked].map(([subscriptionId, [sql]]) => ({ subscriptionId, queries: [sql] })),
      });
      each.here = new Set(asked.keys());
      visitor.onApplied = (began) => {
        if (began === 0) each.isGreeted = true;
        else each.here.add(began);
      };
      visitor.onEnded = (ended) => void each.here.delete(ended);
      each.isGreeted = false;
      while (visitor.of('welcome').length === welcomes) await pass(home);
      if (visitor.welcome?.resumed === true) {
        seen.resumed++;
        each.isGreeted = true;
      }
    }
    note();
    seen.behind += hub.slowReaders?.count ?? 0;
  }
  home.log.isHeld = false;
  home.log.letGo();
  for (const { visitor } of slow) {
    visitor.reads = true;
    visitor.read();
  }
  await home.time.advance(500);
  await home.time.settle();
  note();
  expect(hub.slowReaders?.count ?? 0).toBe(0);
  for (const { viewer, visitor, asked, calls, everAllowed } of slow) {
    expect(visitor.isClosed).toBe(false);
    // While the view fails.
    for (const { subscriptionId } of visitor.of('subscriptionRefused')) asked.delete(subscriptionId);
    for (const accessor of accessors) {
      const all = naiveViews[accessor]?.(home, viewer) ?? home.rows(accessor);
      const matches = [...asked.values()].filter(([, of]) => of === accessor).map(([, , each]) => each);
      const expected = all.filter((row) => matches.some((each) => each(row, home, viewer)));
      expect([accessor, visitor.rows(accessor).map(rendered).sort()]).toEqual([
        accessor,
        expected.map(rendered).sort(),
      ]);
      seen.rows += expected.length;
    }
    // Every call once, in order.
    expect([...new Set(visitor.outcomes.map((each) => each.callId))]).toEqual(
      Array.from({ length: calls }, (_, n) => n + 1),
    );
    seen.outcomes += calls;
    const bytes = Buffer.concat(visitor.frames.map((frame) => Buffer.from(frame))).toString('latin1');
    for (const [text] of bytes.matchAll(/secret-\w*/g)) {
      const isAllowed = [...everAllowed].some((each) => each === text || text.startsWith(each));
      expect(isAllowed ? '' : text).toBe('');
    }
  }
}
