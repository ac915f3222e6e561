import fc from 'fast-check';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { Home } from '../authority/home.testing.ts';
import * as ledger from '../authority/ledger.testing.ts';
import { rendered } from '../codec/rendered.testing.ts';
import type { RowChange } from '../commit/row-change.ts';
import type { BatchMessage } from '../protocol/messages.ts';
import { SlowVisitor } from './slow-visitor.testing.ts';
import { hubOf, pass, Visitor } from './visitor.testing.ts';

// So that a few commits are too much, and a handful of rows makes a snapshot of several chunks.
vi.mock('../limits.ts', async (original) => {
  const { limits } = await original<typeof import('../limits.ts')>();
  return { limits: { ...limits, snapshotChunkRows: 3, behindBufferedBytesMax: 60 } };
});

const homes: Home[] = [];
afterEach(() => {
  for (const home of homes.splice(0)) home.kill();
});

type Act = { readonly type: (typeof actTypes)[number]; readonly key: number; readonly who: number };
const actTypes = [
  ...(['add', 'add', 'add', 'drop', 'shine', 'ownAdd', 'ownAdd', 'ownDrop', 'ownShine', 'ownRefuse', 'again'] as const),
  ...(['stop', 'stop', 'stop', 'go', 'read', 'wait', 'settle', 'subscribe', 'unsubscribe', 'hold', 'letGo'] as const),
  ...(['pass', 'pass', 'pass', 'reconnect'] as const),
];
const act = fc.record<Act>({ type: fc.constantFrom(...actTypes), key: fc.nat(4), who: fc.nat(2) });
/** One becomes slow while a subscription of it begins or ends. */
const race = fc
  .record({
    who: fc.nat(2),
    key: fc.nat(4),
    turn: fc.constantFrom('subscribe' as const, 'unsubscribe' as const),
    rest: fc.array(
      fc.record<Act>({ type: fc.constantFrom('add', 'drop', 'pass', 'pass', 'again'), key: fc.nat(4), who: fc.nat(2) }),
      {
        minLength: 4,
        maxLength: 20,
      },
    ),
  })
  .map(({ who, key, turn, rest }): Act[] => [
    ...(['go', 'wait', 'settle', 'stop', 'shine', 'settle', 'shine', 'settle', 'shine', 'settle', turn] as const).map(
      (type) => ({ type, key, who }),
    ),
    ...rest,
  ]);
const acts = fc
  .array(fc.oneof({ weight: 12, arbitrary: act.map((each) => [each]) }, { weight: 1, arbitrary: race }), {
    minLength: 30,
    maxLength: 120,
  })
  .map((lists) => lists.flat());

const everything = ['SELECT * FROM total', 'SELECT * FROM flash'];
const some = ['SELECT * FROM total WHERE value > 2', 'SELECT * FROM flash'];
const others = ['SELECT * FROM total', "SELECT * FROM total WHERE name = 'k1'", 'SELECT * FROM total WHERE value > 1'];

interface Result {
  readonly rows: string[][];
}

describe('readers that stop and go on', () => {
  it('[SLO-1] [SLO-2] [SLO-3] [SLO-4] have in the end what one has that always reads, its own calls told in order', async () => {
    const seen = { net: 0, behind: 0, resumed: 0, ownAmongOthers: 0, bytes: 0, allBytes: 0 };
    await fc.assert(
      fc.asyncProperty(acts, async (list) => {
        const net = await run(list, false, seen);
        const all = await run(list, true, seen);
        expect(net.rows).toEqual(all.rows);
      }),
      { numRuns: Number(process.env['FORERUN_PROPERTY_RUNS'] ?? 25) },
    );
    expect(seen.net).toBeGreaterThan(20);
    expect(seen.ownAmongOthers).toBeGreaterThan(5);
    expect(seen.behind).toBeGreaterThan(20);
    expect(seen.resumed).toBeGreaterThan(5);
    expect(seen.bytes).toBeLessThan(seen.allBytes);
  }, 90_000);
});

async function run(
  list: readonly Act[],
  sendsAllCommits: boolean,
  seen: { net: number; behind: number; resumed: number; ownAmongOthers: number; bytes: number; allBytes: number },
): Promise<Result> {
  const home = await Home.open(ledger);
  homes.push(home);
  const hub = hubOf(home, { sendsAllCommits });
  const writer = home.client(9);
  home.call(writer, 1, 'fill', { from: 0, to: 8 });
  await home.time.settle();
  const steady = new Visitor(home, 1);
  const slow = [new SlowVisitor(home, 2), new SlowVisitor(home, 3), new SlowVisitor(home, 4)];
  steady.connect(hub);
  steady.hello({ queries: everything });
  for (const [i, visitor] of slow.entries()) {
    visitor.connect(hub);
    visitor.hello({ queries: i === 0 ? everything : some });
  }
  await home.time.settle();
  let [callId, subscriptionId, number] = [1, 1, 0];
  const ownCallIds = slow.map(() => 0);
  const subscribed = slow.map(() => new Map<number, string>());
  /** Those that have begun. */
  const here = slow.map(() => new Set<number>());
  for (const [i, visitor] of slow.entries()) {
    visitor.onApplied = (id) => {
      if (id === 0) isGreeted[i] = true;
      else here[i]?.add(id);
    };
    visitor.onEnded = (id) => void here[i]?.delete(id);
  }
  const isBack = slow.map(() => false);
  const isGreeted = slow.map(() => true);
  for (const { type, key, who } of list) {
    const visitor = slow[who] as SlowVisitor;
    const queries = subscribed[who] as Map<number, string>;
    const own = (accessor: string, args: object): void =>
      visitor.call((ownCallIds[who] = (ownCallIds[who] as number) + 1), accessor, args);
    if (type === 'add') home.call(writer, ++callId, 'add', { name: `k${key}`, value: 1n });
    if (type === 'drop') home.call(writer, ++callId, 'drop', { name: `k${key}` });
    if (type === 'shine') home.call(writer, ++callId, 'shine', { text: `other ${++number}` });
    if (type === 'ownAdd') own('add', { name: `k${key}`, value: 1n });
    if (type === 'ownDrop') own('drop', { name: `k${key}` });
    if (type === 'ownShine') own('shine', { text: `own ${++number}` });
    // A call that is sent twice is answered twice.
    const lastOwn = ownCallIds[who] as number;
    if (type === 'again' && lastOwn > 0) visitor.call(lastOwn, 'add', { name: `k${key}`, value: 1n });
    if (type === 'pass') await pass(home);
    if (type === 'reconnect') {
      const began = [...queries.keys()];
      const isExact =
        isGreeted[who] === true && began.length === here[who]?.size && began.every((id) => here[who]?.has(id));
      const welcomes = visitor.of('welcome').length;
      home.log.isHeld = false;
      home.log.letGo();
      visitor.reads = true;
      visitor.connect(hub);
      visitor.hello({
        ...(isExact ? {} : { position: undefined }),
        subscriptions: [
          { subscriptionId: 1, queries: who === 0 ? everything : some },
          ...[...queries].map(([id, sql]) => ({ subscriptionId: id, queries: [sql] })),
        ],
      });
      here[who] = new Set(began);
      isBack[who] = true;
      isGreeted[who] = false;
      while (visitor.of('welcome').length === welcomes) await pass(home);
      if (visitor.welcome?.resumed === true) {
        seen.resumed++;
        isGreeted[who] = true;
      }
    }
    if (type === 'ownRefuse') own('refuse', { text: 'no' });
    if (type === 'stop') visitor.reads = false;
    if (type === 'read') visitor.read(1 + key);
    if (type === 'go') {
      visitor.reads = true;
      visitor.read();
    }
    if (type === 'wait') await home.time.advance(60);
    if (type === 'settle') await home.time.settle();
    if (type === 'hold') home.log.isHeld = true;
    if (type === 'letGo') {
      home.log.isHeld = false;
      home.log.letGo();
      await home.time.settle();
    }
    if (type === 'subscribe') {
      const sql = others[key % others.length] as string;
      queries.set(++subscriptionId, sql);
      visitor.say({ type: 'subscribe', subscription: { subscriptionId, queries: [sql] } });
    }
    const [first] = queries.keys();
    if (type === 'unsubscribe' && first !== undefined) {
      queries.delete(first);
      visitor.say({ type: 'unsubscribe', subscriptionId: first });
    }
    seen.behind += hub.slowReaders?.count ?? 0;
  }
  home.log.isHeld = false;
  home.log.letGo();
  for (const visitor of slow) {
    visitor.reads = true;
    visitor.read();
  }
  await home.time.advance(500);
  await home.time.settle();
  expect(hub.slowReaders?.count ?? 0).toBe(0);

  const total = home.rows('total');
  expect(sorted(steady.rows('total'))).toEqual(sorted(total));
  for (const [i, visitor] of slow.entries()) {
    expect(visitor.isClosed).toBe(false);
    const sqls = [...(i === 0 ? everything : some), ...(subscribed[i] as Map<number, string>).values()];
    const wanted = total.filter(({ name, value }) =>
      sqls.some(
        (sql) =>
          sql === 'SELECT * FROM total' ||
          (sql.endsWith('> 2') && Number(value) > 2) ||
          (sql.endsWith('> 1') && Number(value) > 1) ||
          (sql.endsWith("'k1'") && name === 'k1'),
      ),
    );
    expect(sorted(visitor.rows('total'))).toEqual(sorted(wanted));
    // Every call once, in order.
    expect([...new Set(visitor.outcomes.map((each) => each.callId))]).toEqual(
      Array.from({ length: ownCallIds[i] as number }, (_, n) => n + 1),
    );
    expect(visitor.position?.seq).toBeLessThanOrEqual(home.authority.durableSeq);
    // Each event once, in order; a snapshot has none.
    if (isBack[i] === false)
      expect(visitor.events.map((row) => row['text'])).toEqual(steady.events.map((row) => row['text']));
    for (const batch of liveBatches(visitor)) checkBatch(home, batch, i === 0, seen);
    const bytes = visitor.frames.reduce((sum, { length }) => sum + length, 0);
    if (sendsAllCommits) seen.allBytes += bytes;
    else seen.bytes += bytes;
  }
  return {
    rows: slow.map((visitor) => sorted(visitor.rows('total'))),
  };
}

/** Without those that tell what was missed without a connection. */
function liveBatches({ messages }: Visitor): BatchMessage[] {
  return messages.filter(
    (message, i): message is BatchMessage => message.type === 'batch' && messages[i - 1]?.type !== 'welcome',
  );
}

/** Own commits whole; of others, where several batches are told as one, each key once. */
function checkBatch(
  home: Home,
  { commits }: BatchMessage,
  hasAll: boolean,
  seen: { net: number; ownAmongOthers: number },
): void {
  const batchOf = (seq: number): number =>
    home.told.findIndex(({ firstSeq, lastSeq }) => firstSeq <= seq && seq <= lastSeq);
  expect(commits.map(({ seq }) => seq)).toEqual(commits.map(({ seq }) => seq).toSorted((a, b) => a - b));
  for (const { seq, ownCallId, changes } of commits) {
    if (ownCallId === undefined || !hasAll) continue;
    const whole = home.told.flatMap((batch) => batch.commits).find((each) => each.seq === seq);
    expect(changes.map(textOf)).toEqual(whole?.changes.map(textOf));
  }
  if (new Set(commits.map(({ seq }) => batchOf(seq))).size < 2) return;
  const isState = ({ tableId }: RowChange): boolean => !home.authority.engine.shape(tableId).table.event;
  const ofOthers = commits.filter(({ ownCallId, changes }) => ownCallId === undefined && changes.some(isState));
  expect(ofOthers.length).toBeLessThanOrEqual(1);
  const keys = ofOthers.flatMap(({ changes }) => changes.filter(isState).map(({ key }) => key));
  expect(new Set(keys).size).toBe(keys.length);
  if (ofOthers.length > 0) seen.net++;
  if (ofOthers.length > 0 && commits.some(({ ownCallId }) => ownCallId !== undefined)) seen.ownAmongOthers++;
}

function textOf({ tableId, key, after }: RowChange): string {
  return `${tableId} ${String(key)} ${after === undefined ? '' : rendered(after)}`;
}

function sorted(rows: readonly Readonly<Record<string, unknown>>[]): string[] {
  return rows.map(rendered).sort();
}
