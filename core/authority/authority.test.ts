import { afterEach, describe, expect, it } from 'vitest';
import type { CallId, Outcome } from '../commit/call.ts';
import { t } from '../module/column.ts';
import { schema } from '../module/schema.ts';
import { table } from '../module/table.ts';
import type { AuthorityOptions } from './authority.ts';
import { connectionIdOf, clientIdOf, databaseIdentity, Home, identityOf, TestLog, TestTime } from './home.testing.ts';
import * as ledger from './ledger.testing.ts';

const homes: Home[] = [];
afterEach(() => {
  for (const home of homes.splice(0)) home.kill();
});

async function open(options: Parameters<typeof Home.open>[1] = {}): Promise<Home> {
  const home = await Home.open(ledger, options);
  homes.push(home);
  return home;
}

/** The same log and clock after a kill -9. */
async function restart(home: Home, options: Partial<AuthorityOptions> = {}): Promise<Home> {
  home.kill();
  homes.splice(homes.indexOf(home), 1);
  const { log: _, ...rest } = options;
  return open({ ...rest, time: home.time, log: home.log });
}

const texts = (home: Home) => home.rows('entry').map((row) => row['text']);
const totals = (home: Home) => Object.fromEntries(home.rows('total').map((row) => [row['name'], Number(row['value'])]));
const committed = (callId: number, seq: number) => ({ type: 'committed', callId, seq }) as Outcome;

describe('a call', () => {
  it('[AUT-1] is told of when its batch is durable, and not before', async () => {
    const home = await open();
    const client = home.client(1);
    await home.time.settle();
    home.log.isHeld = true;
    const before = home.told.length;
    expect(home.call(client, 1, 'write', { text: 'a' })).toBeUndefined();
    await home.time.settle();
    expect([home.told.length, home.authority.durableSeq, home.authority.executedSeq]).toEqual([before, 1, 2]);
    home.log.letGo();
    await home.time.settle();
    expect(home.outcomesOf(client)).toEqual([committed(1, 2)]);
    expect(home.authority.durableSeq).toBe(2);
  });

  it('[AUT-3] waits for no timer on an idle log, and calls that come while a batch is written share the next', async () => {
    const home = await open();
    const client = home.client(1);
    await home.time.settle();
    const batches = home.log.batches.length;
    home.log.isHeld = true;
    home.call(client, 1, 'write', { text: 'a' });
    home.time.tick();
    expect(home.log.waitingCount).toBe(1);
    for (let callId = 2; callId <= 40; callId++) {
      home.call(client, callId, 'write', { text: `${callId}` });
      home.time.tick();
    }
    expect(home.log.waitingCount).toBe(1);
    home.log.letGo();
    await home.time.settle();
    home.log.letGo();
    await home.time.settle();
    expect(home.log.batches.slice(batches).map(({ commitCount }) => commitCount)).toEqual([1, 39]);
    expect(home.outcomesOf(client).map(({ callId }) => callId)).toEqual(Array.from({ length: 40 }, (_, i) => i + 1));
    expect(home.time.timerCount).toBe(0);
  });

  it('[AUT-2] [COM-1] takes effect in the order in which it came, whoever sent it', async () => {
    const home = await open();
    const [a, b] = [home.client(1), home.client(2)];
    for (let i = 1; i <= 5; i++) {
      home.call(a, i, 'write', { text: `a${i}` });
      home.call(b, i, 'write', { text: `b${i}` });
    }
    await home.time.settle();
    expect(texts(home)).toEqual(['a1', 'b1', 'a2', 'b2', 'a3', 'b3', 'a4', 'b4', 'a5', 'b5']);
    const seqs = home.told.flatMap(({ commits }) => commits.map(({ seq }) => seq));
    expect(seqs).toEqual(seqs.map((_, i) => (seqs[0] ?? 0) + i));
  });

  it('has an outcome each: committed, unchanged or rejected, with what the module or we have to say', async () => {
    const threw: unknown[] = [];
    const home = await open({
      diagnostics: { reducerThrew: (name, error) => threw.push(name, error), logFailed: () => {} },
    });
    const client = home.client(1);
    home.call(client, 1, 'write', { text: 'a' });
    home.call(client, 2, 'nothing');
    home.call(client, 3, 'refuse', { text: 'No.' });
    home.call(client, 4, 'crash');
    home.call(client, 5, 'unheard of');
    home.authority.call(client, {
      ...home.request(6, 'write', { text: '' }),
      args: { refused: { code: 'args-invalid', message: 'bad bytes' } },
    });
    await home.time.settle();
    expect(home.outcomesOf(client)).toMatchObject([
      { type: 'committed', seq: 2 },
      { type: 'unchanged', callId: 2 },
      { type: 'rejected', rejection: { code: 'call-rejected', message: 'No.' } },
      { type: 'rejected', rejection: { code: 'reducer-threw' } },
      { type: 'rejected', rejection: { code: 'reducer-unknown' } },
      { type: 'rejected', rejection: { code: 'args-invalid', message: 'bad bytes' } },
    ]);
    expect(texts(home)).toEqual(['a']);
    expect(threw).toEqual(['crash', expect.any(TypeError)]);
  });

  it('[SEC-4] of a hook of the database is refused to clients', async () => {
    const home = await open();
    const client = home.client(1);
    for (const [i, hook] of ['start', 'connect', 'disconnect'].entries()) home.call(client, i + 1, hook);
    await home.time.settle();
    expect(home.outcomesOf(client).map((outcome) => outcome.type === 'rejected' && outcome.rejection.code)).toEqual([
      'reducer-not-callable',
      'reducer-not-callable',
      'reducer-not-callable',
    ]);
  });

  it('[DET-3] of a reducer with predict: false draws numbers that its own fields do not tell', async () => {
    const values = [];
    for (const secret of ['ab'.repeat(16), 'cd'.repeat(16), 'ab'.repeat(16)]) {
      const home = await open({ secret });
      home.call(home.client(1), 1, 'roll', { name: 'die' });
      values.push(totals(home)['die']);
    }
    expect(values[0]).toBe(values[2]);
    expect(values[0]).not.toBe(values[1]);
  });
});

describe('a call that is sent again', () => {
  it('[EXO-1] is not run again, and answered with the outcome it had', async () => {
    const home = await open();
    const client = home.client(1);
    home.call(client, 1, 'add', { name: 'x', value: 5n });
    home.call(client, 2, 'nothing');
    home.call(client, 3, 'refuse', { text: 'No.' });
    await home.time.settle();
    const outcomes = home.outcomesOf(client);
    for (let round = 0; round < 2; round++) {
      // Also when it says something else this time.
      expect(home.call(client, 1, 'add', { name: 'x', value: 100n })).toEqual(outcomes[0]);
      expect(home.call(client, 2, 'write', { text: 'b' })).toEqual(outcomes[1]);
      expect(home.call(client, 3, 'nothing')).toEqual(outcomes[2]);
      await home.time.settle();
    }
    expect(totals(home)['x']).toBe(5);
    expect(home.outcomesOf(client)).toHaveLength(3);
  });

  it('[EXO-3] is answered the same after a restart', async () => {
    let home = await open();
    let client = home.client(1);
    home.call(client, 1, 'add', { name: 'x', value: 5n });
    home.call(client, 2, 'nothing');
    home.call(client, 3, 'refuse', { text: 'No.' });
    await home.time.settle();
    const outcomes = home.outcomesOf(client);
    for (let round = 0; round < 3; round++) {
      home = await restart(home);
      client = home.client(1);
      expect(client.lastCallId).toBe(3);
      expect([1, 2, 3].map((callId) => home.call(client, callId, 'crash'))).toEqual(outcomes);
      expect(home.authority.outcomesAfter(client, 1 as CallId)).toEqual(outcomes.slice(1));
    }
    expect(totals(home)).toEqual({ started: 1, x: 5 });
  });

  it('[EXO-4] while its batch is written is answered once, with its batch', async () => {
    const home = await open();
    const client = home.client(1);
    home.call(client, 1, 'add', { name: 'x', value: 1n });
    await home.time.settle();
    home.log.isHeld = true;
    home.call(client, 2, 'add', { name: 'x', value: 1n });
    await home.time.settle();
    home.call(client, 3, 'add', { name: 'x', value: 1n });
    for (const callId of [2, 3, 2]) expect(home.call(client, callId, 'add', { name: 'x', value: 1n })).toBeUndefined();
    expect(home.call(client, 1, 'nothing')).toEqual(committed(1, 2));
    expect(home.authority.outcomesAfter(client, 0 as CallId)).toEqual([committed(1, 2)]);
    home.log.isHeld = false;
    home.log.letGo();
    await home.time.settle();
    expect(home.outcomesOf(client).map(({ callId }) => callId)).toEqual([1, 2, 3]);
    expect(totals(home)['x']).toBe(3);
  });

  it('[EXO-5] after its outcome was acknowledged is not run, and answered with call-too-late, also after a restart', async () => {
    let home = await open();
    let client = home.client(1);
    for (let callId = 1; callId <= 4; callId++) home.call(client, callId, 'add', { name: 'x', value: 1n });
    await home.time.settle();
    home.authority.acknowledge(client, 2 as CallId);
    home.authority.acknowledge(client, 1 as CallId);
    expect(client.unacknowledged).toBe(2);
    const tooLate = { type: 'rejected', rejection: { code: 'call-too-late' } };
    for (const callId of [0, 1, 2]) expect(home.call(client, callId, 'nothing')).toMatchObject(tooLate);
    expect(home.call(client, 3, 'nothing')).toEqual(committed(3, 4));
    // The acknowledgement goes with the next batch.
    home.call(client, 5, 'nothing');
    await home.time.settle();
    home = await restart(home);
    client = home.client(1);
    expect(client.unacknowledged).toBe(3);
    expect(home.call(client, 2, 'nothing')).toMatchObject(tooLate);
    expect(home.call(client, 3, 'nothing')).toEqual(committed(3, 4));
    expect(totals(home)['x']).toBe(4);
    // Acknowledging what has not run yet acknowledges what has.
    home.authority.acknowledge(client, 1_000 as CallId);
    expect([client.unacknowledged, client.lastCallId]).toEqual([0, 5]);
    home.call(client, 6, 'add', { name: 'x', value: 1n });
    await home.time.settle();
    expect(home.call(client, 6, 'nothing')).toMatchObject({ type: 'committed', callId: 6 });
  });

  it('[EXO-2] numbers that were left out stay left out', async () => {
    const home = await open();
    const client = home.client(1);
    home.call(client, 1, 'write', { text: '1' });
    home.call(client, 5, 'write', { text: '5' });
    home.call(client, 2 ** 52, 'write', { text: 'far' });
    await home.time.settle();
    expect(home.call(client, 3, 'write', { text: '3' })).toMatchObject({ rejection: { code: 'call-too-late' } });
    expect(texts(home)).toEqual(['1', '5', 'far']);
    expect(home.call(client, 2 ** 52, 'nothing')).toMatchObject({ type: 'committed' });
    expect(home.authority.snapshot().clients[1]?.outcomes).toHaveLength(1);
  });
});

describe('the time of a call', () => {
  it('[AUT-9] is the proposed one within the tolerance, else the clock, and never goes back for a client', async () => {
    const home = await open({ timestampToleranceMs: 100 });
    const client = home.client(1);
    const now = home.time.nowMs * 1000;
    const proposals = [now - 100_000, now + 100_000, now, now + 100_001, Number.NaN, 2 ** 60, -1, now + 0.5];
    for (const [i, timestampMicros] of proposals.entries())
      home.call(client, i + 1, 'write', { text: `${i}` }, { timestampMicros });
    home.time.nowMs += 1;
    home.call(client, 20, 'write', { text: 'later' }, { timestampMicros: now + 101_000 });
    home.time.nowMs -= 3_600_000;
    home.call(client, 21, 'write', { text: 'clock set back' });
    home.call(home.client(2), 1, 'write', { text: 'another' });
    const at = home
      .rows('entry')
      .map((row) => Number((row['at'] as { microsSinceUnixEpoch: bigint }).microsSinceUnixEpoch) - now);
    const late = [100_001, 100_002, 100_003, 100_004, 100_005];
    expect(at).toEqual([-100_000, 100_000, 100_000, ...late, 101_000, 101_000, -3_599_999_000]);
  });

  it('[AUT-9] does not go back across a restart', async () => {
    let home = await open();
    const now = home.time.nowMs * 1000;
    home.call(home.client(1), 1, 'write', { text: 'a' }, { timestampMicros: now + 200_000 });
    await home.time.settle();
    home = await restart(home);
    home.call(home.client(1), 2, 'write', { text: 'b' }, { timestampMicros: now });
    const at = home.rows('entry').map((row) => (row['at'] as { microsSinceUnixEpoch: bigint }).microsSinceUnixEpoch);
    expect(at).toEqual([BigInt(now + 200_000), BigInt(now + 200_000)]);
  });
});

describe('a client', () => {
  it('[SEC-2] belongs to the identity that used it first, also after a restart, and nobody is the database', async () => {
    let home = await open();
    const stolen = expect.objectContaining({ code: 'token-invalid' });
    const client = home.client(1);
    expect(home.client(1)).toBe(client);
    await home.time.settle();
    for (let round = 0; round < 2; round++) {
      expect(() => home.authority.client(clientIdOf(1), identityOf(2))).toThrow(stolen);
      for (const identity of [identityOf(1), databaseIdentity]) {
        expect(() => home.authority.client(clientIdOf(0), identity)).toThrow(stolen);
      }
      home = await restart(home);
    }
    expect(home.client(1).clientNo).toBe(1);
  });
});

describe('init', () => {
  const broken = (fails: () => boolean) => {
    const module = schema({ item: table({}, { id: t.u32().primaryKey() }) });
    const init = module.init((ctx) => {
      ctx.db.item.insert({ id: 1 });
      if (fails()) throw new Error('not today');
    });
    return { default: module, init };
  };

  it('[AUT-6] runs once, on the first start', async () => {
    let home = await open();
    expect(totals(home)).toEqual({ started: 1 });
    home = await restart(home);
    expect(totals(home)).toEqual({ started: 1 });
    expect(home.authority.durableSeq).toBe(1);
  });

  it('[AUT-6] that fails fails the start, writes nothing, and runs again at the next', async () => {
    let fails = true;
    const module = broken(() => fails);
    const log = new TestLog();
    const time = new TestTime();
    const refused = expect.objectContaining({ code: 'module-invalid', message: expect.stringMatching(/init/) });
    await expect(Home.open(module, { log, time })).rejects.toThrow(refused);
    await time.advance(10_000);
    expect(log.batches).toEqual([]);
    fails = false;
    const home = await Home.open(module, { log, time });
    homes.push(home);
    expect(home.rows('item')).toEqual([{ id: 1 }]);
  });

  it('whose batch can not be written fails the start, and the authority that failed writes nothing later', async () => {
    const log = new TestLog();
    const time = new TestTime();
    log.isBroken = true;
    await expect(Home.open(ledger, { log, time })).rejects.toThrow(
      expect.objectContaining({ code: 'log-unavailable' }),
    );
    log.isBroken = false;
    await time.advance(10_000);
    expect(log.batches).toEqual([]);
    const home = await open({ log, time });
    expect(totals(home)).toEqual({ started: 1 });
  });
});

describe('a connection', () => {
  const online = (home: Home) => home.rows('online').map((row) => String(row['connection']));
  const ended = (home: Home) => home.rows('ended').map((row) => [String(row['connection']), row['times']]);
  const connect = async (home: Home, n: number, who = n): Promise<'in' | unknown> => {
    const result = home.authority.connect(connectionIdOf(n), identityOf(who)).then(
      () => 'in' as const,
      (error: unknown) => error,
    );
    await home.time.settle();
    return result;
  };
  const id = (n: number) => String(connectionIdOf(n));

  it('is in when clientConnected is durable, and ends once', async () => {
    const home = await open();
    home.log.isHeld = true;
    let isIn = false;
    const connecting = home.authority.connect(connectionIdOf(1), identityOf(1)).then(() => {
      isIn = true;
    });
    await home.time.settle();
    expect(isIn).toBe(false);
    home.log.isHeld = false;
    home.log.letGo();
    await home.time.settle();
    await connecting;
    expect(online(home)).toEqual([id(1)]);
    for (let i = 0; i < 2; i++) home.authority.disconnect(connectionIdOf(1));
    home.authority.disconnect(connectionIdOf(9));
    await home.time.settle();
    expect([online(home), ended(home)]).toEqual([[], [[id(1), 1]]]);
  });

  it('[AUT-7] that clientConnected refuses is refused, leaves no rows, and is not ended', async () => {
    let home = await open();
    expect(await connect(home, 1, Number(ledger.unwanted))).toMatchObject({
      code: 'connection-refused',
      message: 'The module refused the connection: Not you.',
    });
    home.authority.disconnect(connectionIdOf(1));
    await home.time.settle();
    home = await restart(home);
    expect([online(home), ended(home)]).toEqual([[], []]);
  });

  it('[AUT-8] that was in when the authority was killed is ended at the next start, once', async () => {
    let home = await open();
    expect([await connect(home, 1), await connect(home, 2), await connect(home, 3)]).toEqual(['in', 'in', 'in']);
    home.authority.disconnect(connectionIdOf(2));
    await home.time.settle();
    for (let round = 0; round < 2; round++) {
      home = await restart(home);
      expect([online(home), ended(home)]).toEqual([
        [],
        [
          [id(1), 1],
          [id(2), 1],
          [id(3), 1],
        ],
      ]);
    }
  });

  it('that the authority was killed while letting in is ended if it is in the log, and never was otherwise', async () => {
    let home = await open();
    home.log.isHeld = true;
    void connect(home, 1);
    await home.time.settle();
    home.log.isHeld = false;
    home = await restart(home);
    expect(ended(home)).toEqual([]);
    home.log.isHeld = true;
    void connect(home, 2);
    await home.time.settle();
    // Written, and nobody told of it.
    const kept = home.log;
    home.kill();
    homes.splice(homes.indexOf(home), 1);
    kept.isHeld = false;
    kept.letGo();
    home = await open({ log: kept, time: home.time });
    expect([online(home), ended(home)]).toEqual([[], [[id(2), 1]]]);
  });

  it('[AUT-5] is refused while the log can not be written', async () => {
    const home = await open();
    home.log.isBroken = true;
    expect(await connect(home, 1)).toMatchObject({ code: 'log-unavailable' });
    expect(await connect(home, 2)).toMatchObject({ code: 'log-unavailable' });
    home.log.isBroken = false;
    await home.time.advance(1_000);
    expect(await connect(home, 3)).toBe('in');
    expect([online(home), ended(home)]).toEqual([[id(3)], []]);
  });
});

describe('when the log fails', () => {
  it('[AUT-4] everything since the last durable batch is taken back, and its calls count as never received', async () => {
    const home = await open();
    const client = home.client(1);
    home.call(client, 1, 'add', { name: 'x', value: 1n });
    await home.time.settle();
    home.log.isHeld = true;
    for (const value of [10n, 100n]) home.call(client, client.lastCallId + 1, 'add', { name: 'x', value });
    home.call(client, 4, 'refuse', { text: 'No.' });
    await home.time.settle();
    // In flight; these wait for the next batch, and one is of a client that is new.
    home.call(client, 5, 'drop', { name: 'x' });
    home.call(client, 6, 'add', { name: 'x', value: 7n });
    home.call(home.client(2), 1, 'write', { text: 'new' });
    home.log.isBroken = true;
    home.log.letGo();
    await home.time.settle();
    expect(home.failures).toMatchObject([{ code: 'log-unavailable' }]);
    expect([totals(home), texts(home)]).toEqual([{ started: 1, x: 1 }, []]);
    expect([client.lastCallId, client.unacknowledged, home.client(2).lastCallId]).toEqual([1, 1, 0]);
    expect([home.authority.executedSeq, home.authority.durableSeq]).toEqual([2, 2]);
    expect(() => home.call(client, 2, 'nothing')).toThrow(expect.objectContaining({ code: 'log-unavailable' }));
    expect(home.outcomesOf(client)).toEqual([committed(1, 2)]);
  });

  it('[AUT-5] the authority goes on by itself, with the clients and leases that it had, and every call once', async () => {
    const logFailed: unknown[] = [];
    let home = await open({ diagnostics: { reducerThrew: () => {}, logFailed: (cause) => logFailed.push(cause) } });
    home.log.isBroken = true;
    const client = home.client(1);
    const entryTable = home.authority.definition.tables[0];
    if (entryTable === undefined) throw new Error('there is a table');
    const lease = home.authority.lend(entryTable, 0, client);
    // As the client predicted it; what it drew is given back when the batch is lost.
    const idHints = lease === undefined ? [] : [{ tableId: 0, column: 0, first: lease.from }];
    home.call(client, 1, 'write', { text: 'a' }, { idHints });
    await home.time.advance(5_500);
    expect([home.failures.length, logFailed.length]).toEqual([6, 1]);
    expect(home.authority.failure).toMatchObject({ code: 'log-unavailable' });
    home.log.isBroken = false;
    await home.time.advance(1_000);
    expect(home.authority.failure).toBeUndefined();
    home.call(client, 1, 'write', { text: 'a' }, { idHints });
    home.call(home.client(2), 1, 'write', { text: 'b' });
    await home.time.settle();
    home = await restart(home);
    expect(texts(home)).toEqual(['a', 'b']);
    expect(home.client(1).clientNo).toBe(1);
    const ids = home.rows('entry').map((row) => row['id'] as bigint);
    expect(ids[0]).toBe(lease?.from);
    expect(ids[1] !== undefined && lease && ids[1] >= lease.to).toBe(true);
  });

  it('connections end, and clientDisconnected runs for each once the log works again', async () => {
    const home = await open();
    for (const n of [1, 2, 4]) {
      void home.authority.connect(connectionIdOf(n), identityOf(n));
      await home.time.settle();
    }
    home.authority.disconnect(connectionIdOf(4));
    await home.time.settle();
    home.log.isHeld = true;
    // One ends, and one begins, in batches that are lost.
    home.authority.disconnect(connectionIdOf(1));
    await home.time.settle();
    const third = home.authority.connect(connectionIdOf(3), identityOf(3));
    third.catch(() => {});
    home.log.isBroken = true;
    home.log.letGo();
    await home.time.settle();
    await expect(third).rejects.toMatchObject({ code: 'log-unavailable' });
    home.authority.disconnect(connectionIdOf(2));
    home.log.isBroken = false;
    home.log.isHeld = false;
    await home.time.advance(1_000);
    expect(home.rows('online')).toEqual([]);
    expect(home.rows('ended').map((row) => [String(row['connection']), row['times']])).toEqual([
      [String(connectionIdOf(1)), 1],
      [String(connectionIdOf(2)), 1],
      [String(connectionIdOf(4)), 1],
    ]);
  });

  it('whoever waits for what was executed is told each time that it was taken back', async () => {
    const home = await open();
    home.log.isBroken = true;
    const client = home.client(1);
    const first = home.authority.settled();
    first.catch(() => {});
    await home.time.settle();
    await expect(first).rejects.toMatchObject({ code: 'log-unavailable' });
    // Executed while the log is broken: written with the next attempt, and lost with it.
    const second = home.authority.settled();
    second.catch(() => {});
    await home.time.advance(1_000);
    await expect(second).rejects.toMatchObject({ code: 'log-unavailable' });
    home.log.isBroken = false;
    await home.time.advance(1_000);
    expect(home.client(1)).toBe(client);
    await home.authority.settled();
  });

  it('and it is closed, nothing is written any more', async () => {
    const home = await open();
    home.log.isBroken = true;
    home.call(home.client(1), 1, 'write', { text: 'a' });
    await home.time.settle();
    const batches = home.log.batches.length;
    await home.authority.close();
    home.log.isBroken = false;
    await home.time.advance(5_000);
    expect(home.log.batches).toHaveLength(batches);
    expect(() => home.authority.call(home.client(1), home.request(1, 'nothing', {}))).toThrow();
  });
});

describe('close', () => {
  it('makes durable what was executed', async () => {
    const home = await open();
    home.call(home.client(1), 1, 'write', { text: 'last words' });
    const closing = home.authority.close();
    await home.time.settle();
    await closing;
    await home.authority.close();
    const again = await open({ log: home.log, time: home.time });
    expect(texts(again)).toEqual(['last words']);
  });
});

describe('recovery', () => {
  it('refuses a log in which something is missing', async () => {
    const home = await open();
    for (let callId = 1; callId <= 3; callId++) {
      home.call(home.client(1), callId, 'write', { text: 'a' });
      await home.time.settle();
    }
    home.kill();
    homes.splice(0);
    for (const damage of [
      (log: TestLog) => log.batches.splice(1, 1),
      (log: TestLog) => log.batches.shift(),
      (log: TestLog) => log.batches.splice(1, 1, { ...home.log.batches[1], firstSeq: 9 } as never),
      (log: TestLog) => log.batches.splice(2, 1, { ...home.log.batches[2], bytes: new Uint8Array([1, 2, 3]) } as never),
      (log: TestLog) => log.batches.splice(2, 1, { ...home.log.batches[2], commitCount: 7 } as never),
    ]) {
      const log = new TestLog();
      log.batches.push(...home.log.batches);
      damage(log);
      await expect(Home.open(ledger, { log })).rejects.toThrow(expect.objectContaining({ code: 'database-corrupt' }));
    }
  });
});
