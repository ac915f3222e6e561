import { afterEach, describe, expect, it } from 'vitest';
import { defineModule } from '../module/module.ts';
import { t } from '../module/column.ts';
import { schema } from '../module/schema.ts';
import { table } from '../module/table.ts';
import { type CallOptions, connectionIdOf, Home, type TestLog } from './home.testing.ts';
import * as plaza from './plaza.testing.ts';

const homes: Home[] = [];
afterEach(() => {
  for (const home of homes.splice(0)) home.kill();
});

async function open(options: Parameters<typeof Home.open>[1] = {}): Promise<Home> {
  const home = await Home.open(plaza, options);
  homes.push(home);
  return home;
}

function restart(home: Home): Promise<Home> {
  home.kill();
  homes.splice(homes.indexOf(home), 1);
  return open({ time: home.time, log: home.log });
}

const on = (connection: number): CallOptions => ({ connectionId: connectionIdOf(connection) });
const xs = (home: Home, accessor: string) => home.rows(accessor).map((row) => row['x']);
const logBytes = (log: TestLog) => log.batches.reduce((sum, { bytes }) => sum + bytes.length, 0);

describe('an ephemeral row', () => {
  it('[EPH-1] is read and written by reducers as any row is, and its calls are answered', async () => {
    const home = await open();
    const client = home.client(1);
    home.call(client, 1, 'aim', { x: 1, y: 2 }, on(1));
    home.call(client, 2, 'aim', { x: 3, y: 4 }, on(1));
    home.call(client, 3, 'stamp', { id: 7 }, on(1));
    home.call(client, 4, 'aim', { x: -1, y: 0 }, on(1));
    await home.time.settle();
    expect(xs(home, 'cursor')).toEqual([4]);
    expect(xs(home, 'mark')).toEqual([3]);
    expect(home.outcomesOf(client)).toMatchObject([
      { type: 'unchanged', callId: 1 },
      { type: 'unchanged', callId: 2 },
      { type: 'committed', callId: 3, seq: 1 },
      { type: 'rejected', callId: 4 },
    ]);
    const commits = home.told.flatMap(({ commits }) => commits);
    expect(commits.map(({ changes }) => changes.map(({ tableId }) => tableId))).toEqual([[2]]);
  });

  it('[EPH-2] is never in the log, however often it changes', async () => {
    const home = await open();
    const client = home.client(1);
    await home.time.settle();
    const before = [home.log.batches.length, logBytes(home.log)];
    for (let callId = 1; callId <= 1_000; callId++) {
      home.call(client, callId, 'aim', { x: callId % 7, y: 0 }, on(1));
      if (callId % 10 === 0) await home.time.settle();
      home.authority.acknowledge(client, (callId - 1) as never);
    }
    // Nothing changed at all is nothing to log either.
    home.call(client, 1_001, 'aim', { x: 1_000 % 7, y: 0 }, on(1));
    await home.time.settle();
    expect(home.outcomesOf(client)).toHaveLength(1_001);
    expect([home.log.batches.length, logBytes(home.log)]).toEqual(before);
    expect(home.authority.executedBatch).toBe(home.authority.durableBatch);
  });

  it('[EPH-2] adds nothing to a batch that others are in, acknowledgements included', async () => {
    const sizes: number[] = [];
    for (const aims of [0, 50]) {
      const home = await open();
      const [client, other] = [home.client(1), home.client(2)];
      await home.time.settle();
      for (let callId = 1; callId <= aims; callId++) home.call(client, callId, 'aim', { x: callId, y: 0 }, on(1));
      await home.time.settle();
      home.authority.acknowledge(client, aims as never);
      home.call(other, 1, 'plant', { id: 1, x: 1 }, on(2));
      await home.time.settle();
      sizes.push(home.log.batches.at(-1)?.bytes.length ?? 0);
    }
    expect(sizes[1]).toBe(sizes[0]);
  });

  it('[EPH-3] goes when the connection that inserted it ends, whoever changed it since', async () => {
    const home = await open();
    const [one, two] = [home.client(1), home.client(2)];
    home.call(one, 1, 'aim', { x: 1, y: 1 }, on(1));
    home.call(one, 2, 'toss', { id: 1, x: 10 }, on(1));
    home.call(two, 1, 'aim', { x: 2, y: 2 }, on(2));
    home.call(two, 2, 'toss', { id: 1, x: 20 }, on(2));
    home.call(two, 3, 'toss', { id: 2, x: 30 }, on(2));
    await home.time.settle();
    expect([xs(home, 'cursor'), xs(home, 'ball')]).toEqual([
      [1, 2],
      [20, 30],
    ]);
    home.authority.disconnect(connectionIdOf(1));
    await home.time.settle();
    expect([xs(home, 'cursor'), xs(home, 'ball')]).toEqual([[2], [30]]);
    const last = home.told.at(-1);
    expect(last?.ephemeral.flatMap(({ changes }) => changes.map(({ after }) => after))).toEqual([undefined, undefined]);
    // A row that was deleted before is not deleted again, and one that was inserted anew is the new one's.
    home.call(two, 4, 'leave', {}, on(2));
    home.call(two, 5, 'aim', { x: 5, y: 5 }, on(2));
    home.authority.disconnect(connectionIdOf(2));
    await home.time.settle();
    expect([xs(home, 'cursor'), xs(home, 'ball')]).toEqual([[], []]);
  });

  it('[EPH-3] of nobody stays: a call of the database inserted it', async () => {
    const home = await open();
    home.call(home.client(1), 1, 'wind', { micros: 10_000n });
    await home.time.settle();
    const before = logBytes(home.log);
    await home.time.advance(1_000);
    expect(home.rows('ball')).toMatchObject([{ id: 99, x: 99 }]);
    expect(logBytes(home.log)).toBe(before);
    home.authority.disconnect(connectionIdOf(1));
    await home.time.settle();
    expect(home.rows('ball')).toHaveLength(1);
  });

  it('[EPH-4] is not there after a restart, and what ordinary rows took from it is', async () => {
    const home = await open();
    const client = home.client(1);
    home.call(client, 1, 'aim', { x: 1, y: 1 }, on(1));
    home.call(client, 2, 'stamp', { id: 1 }, on(1));
    home.call(client, 3, 'aim', { x: 9, y: 9 }, on(1));
    await home.time.settle();
    const again = await restart(home);
    expect([xs(again, 'cursor'), xs(again, 'mark')]).toEqual([[], [1]]);
  });

  it('[EPH-4] goes with all the others when the log fails', async () => {
    const home = await open();
    const client = home.client(1);
    home.call(client, 1, 'aim', { x: 1, y: 1 }, on(1));
    await home.time.settle();
    home.log.isBroken = true;
    home.call(client, 2, 'stamp', { id: 1 }, on(1));
    home.call(client, 3, 'leave', {}, on(1));
    await home.time.settle();
    expect(home.failures).toHaveLength(1);
    expect([xs(home, 'cursor'), xs(home, 'mark')]).toEqual([[], []]);
    home.log.isBroken = false;
    await home.time.advance(2_000);
    home.call(client, 2, 'aim', { x: 4, y: 4 }, on(3));
    await home.time.settle();
    expect(xs(home, 'cursor')).toEqual([4]);
    home.authority.disconnect(connectionIdOf(3));
    expect(xs(home, 'cursor')).toEqual([]);
  });

  it('[EPH-5] is shown no earlier than the rows that it may have been computed from are durable', async () => {
    const home = await open();
    const client = home.client(1);
    await home.time.settle();
    home.log.isHeld = true;
    home.call(client, 1, 'plant', { id: 1, x: 1 }, on(1));
    await home.time.settle();
    home.call(client, 2, 'guess', { id: 1 }, on(1));
    await home.time.settle();
    expect(home.outcomesOf(client)).toEqual([]);
    expect(home.told.flatMap(({ ephemeral }) => ephemeral)).toEqual([]);
    home.log.letGo();
    await home.time.settle();
    expect(home.outcomesOf(client)).toMatchObject([{ type: 'committed' }, { type: 'unchanged' }]);
    expect(home.told.flatMap(({ ephemeral }) => ephemeral)).toMatchObject([{ changes: [{ after: { x: 1 } }] }]);
  });
});

describe('a call that changed ephemeral rows alone', () => {
  it('[EXO-10] is answered again while the authority lives, and not run again', async () => {
    const home = await open();
    const client = home.client(1);
    home.call(client, 1, 'aim', { x: 1, y: 1 }, on(1));
    home.call(client, 2, 'toss', { id: 1, x: 5 }, on(1));
    await home.time.settle();
    home.call(client, 3, 'aim', { x: 3, y: 3 }, on(1));
    await home.time.settle();
    expect(home.call(client, 1, 'aim', { x: 1, y: 1 }, on(1))).toEqual({ type: 'unchanged', callId: 1 });
    expect(xs(home, 'cursor')).toEqual([3]);
    home.authority.acknowledge(client, 1 as never);
    expect(home.call(client, 1, 'aim', { x: 1, y: 1 }, on(1))).toMatchObject({ rejection: { code: 'call-too-late' } });
    expect(home.call(client, 2, 'toss', { id: 1, x: 5 }, on(1))).toEqual({ type: 'unchanged', callId: 2 });
  });

  it('[EXO-10] runs again after a restart when nothing after it was logged, and is else answered as unchanged', async () => {
    const home = await open();
    const client = home.client(1);
    home.call(client, 1, 'aim', { x: 1, y: 1 }, on(1));
    home.call(client, 2, 'plant', { id: 1, x: 1 }, on(1));
    home.call(client, 3, 'aim', { x: 3, y: 3 }, on(1));
    await home.time.settle();
    const again = await restart(home);
    const same = again.client(1);
    expect(again.call(same, 1, 'aim', { x: 1, y: 1 }, on(2))).toEqual({ type: 'unchanged', callId: 1 });
    expect(again.call(same, 2, 'plant', { id: 1, x: 1 }, on(2))).toEqual({ type: 'committed', callId: 2, seq: 1 });
    expect(again.call(same, 3, 'aim', { x: 3, y: 3 }, on(2))).toBeUndefined();
    await again.time.settle();
    expect([xs(again, 'cursor'), xs(again, 'mark')]).toEqual([[3], [1]]);
  });
});

describe('a table', () => {
  it('[EPH-6] that is ephemeral has no autoInc column, and a rate above 0', () => {
    const withIds = schema({ a: table({ ephemeral: true }, { id: t.u32().primaryKey().autoInc() }) });
    expect(() => defineModule({ default: withIds })).toThrow(/autoInc in an ephemeral table/);
    for (const sendsPerSecondMax of [0, -1, Number.NaN, 1_001]) {
      const never = schema({ a: table({ ephemeral: { sendsPerSecondMax } }, { id: t.u32().primaryKey() }) });
      expect(() => defineModule({ default: never })).toThrow(/sendsPerSecondMax/);
    }
    const tables = defineModule(plaza).tables;
    expect(tables.map(({ ephemeral, sendsPerSecondMax }) => [ephemeral, sendsPerSecondMax])).toEqual([
      [true, 30],
      [true, 10],
      [false, undefined],
      [false, undefined],
      [true, 0.1],
    ]);
  });
});
