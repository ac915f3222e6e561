import { afterEach, describe, expect, it } from 'vitest';
import type { Identity } from '../value/identity.ts';
import { ScheduleAt } from '../value/schedule-at.ts';
import type { Timestamp } from '../value/timestamp.ts';
import * as clockwork from './clockwork.testing.ts';
import { databaseIdentity, Home, type TestLog, TestTime } from './home.testing.ts';

const homes: Home[] = [];
afterEach(() => {
  for (const home of homes.splice(0)) home.kill();
});

type Options = Parameters<typeof Home.open>[1];

async function open(options: Options = {}): Promise<{ home: Home; call: (reducer: string, args: unknown) => void }> {
  const home = await Home.open(clockwork, options);
  homes.push(home);
  const client = home.client(1);
  let calls = client.lastCallId;
  return { home, call: (reducer, args) => void home.call(client, ++calls, reducer, args) };
}

/** The same log and clock after a kill -9. */
function restart(home: Home): ReturnType<typeof open> {
  home.kill();
  homes.splice(homes.indexOf(home), 1);
  return open({ time: home.time, log: home.log });
}

interface Run {
  readonly what: string;
  readonly at: Timestamp;
  readonly by: Identity;
  readonly internal: boolean;
  readonly dice: number;
}
const runs = (home: Home) => home.rows('run') as unknown as Run[];
const whats = (home: Home) => runs(home).map(({ what }) => what);
/** Milliseconds since a moment at which the runs took place. */
const times = (home: Home, sinceMs: number) =>
  runs(home).map(({ at }) => Number(at.microsSinceUnixEpoch) / 1000 - sinceMs);
const logBytes = (log: TestLog) => log.batches.reduce((sum, { bytes }) => sum + bytes.length, 0);

describe('a row with an interval', () => {
  it('[SCH-1] [SCH-2] runs its reducer as the database, again and again, until it is deleted', async () => {
    const { home, call } = await open();
    const start = home.time.nowMs;
    call('every', { micros: 100_000n, what: 'tick' });
    await home.time.advance(350);
    expect(times(home, start)).toEqual([100, 200, 300]);
    for (const { by, internal, what } of runs(home)) {
      expect([by.isEqual(databaseIdentity), internal, what]).toEqual([true, true, 'tick']);
    }
    expect(new Set(runs(home).map(({ dice }) => dice)).size).toBe(3);
    call('cancel', { id: 1n });
    await home.time.advance(1_000);
    expect(runs(home)).toHaveLength(3);
    expect(home.time.timerCount).toBe(0);
  });

  it('[SCH-2] stops when its own run deletes it', async () => {
    const { home, call } = await open();
    call('every', { micros: 100_000n, what: 'leave' });
    await home.time.advance(1_000);
    expect(whats(home)).toEqual(['leave']);
    expect(home.time.timerCount).toBe(0);
  });

  it('[SCH-3] is given a new time by a change of its time, and by no other change', async () => {
    const { home, call } = await open();
    const start = home.time.nowMs;
    call('every', { micros: 100_000n, what: 'a' });
    await home.time.advance(150);
    call('rename', { id: 1n, what: 'b' });
    await home.time.advance(100);
    call('move', { id: 1n, micros: 400_000n });
    await home.time.advance(900);
    expect(times(home, start)).toEqual([100, 200, 650, 1050]);
    expect(whats(home)).toEqual(['a', 'b', 'b', 'b']);
  });

  it('[SCH-4] stays on its grid when timers are late, so that sixty a second are sixty a second', async () => {
    const time = new LateTime();
    const { home, call } = await open({ time });
    call('every', { micros: 16_667n, what: 'tick' });
    await home.time.advance(60_000);
    const count = runs(home).length;
    expect(count).toBeGreaterThanOrEqual(3_598);
    expect(count).toBeLessThanOrEqual(3_600);
  });

  it('[SCH-5] that was late for several runs makes one for all of them, and is on its grid again', async () => {
    const { home, call } = await open();
    const start = home.time.nowMs;
    call('every', { micros: 100_000n, what: 'tick' });
    await home.time.advance(150);
    // As when one call takes long: no timer goes off in between.
    home.time.nowMs += 475;
    await home.time.advance(200);
    expect(times(home, start)).toEqual([100, 625, 700, 800]);
  });

  it('[SCH-5] makes up for the missed runs when its reducer says catchUp, up to a bound', async () => {
    const { home, call } = await open();
    call('follow', { micros: 100_000n, left: 1_000 });
    const left = () => home.rows('chase')[0]?.['left'];
    await home.time.advance(150);
    home.time.nowMs += 475;
    await home.time.advance(0);
    expect(left()).toBe(1_000 - 6);
    home.time.nowMs += 3_600_000;
    await home.time.advance(0);
    // The one that was due and a hundred more.
    expect(left()).toBe(1_000 - 6 - 101);
  });

  it('[SCH-6] [AUT-14] whose runs change nothing, or fail, adds nothing to the log', async () => {
    const failures: unknown[] = [];
    const diagnostics = { reducerThrew: (_: string, error: unknown) => void failures.push(error), logFailed: () => {} };
    const { home, call } = await open({ diagnostics });
    call('every', { micros: 10_000n, what: 'idle' });
    await home.time.advance(100);
    const before = [home.log.batches.length, logBytes(home.log)];
    await home.time.advance(60_000);
    expect([home.log.batches.length, logBytes(home.log)]).toEqual(before);
    expect(home.authority.executedBatch).toBe(home.authority.durableBatch);

    call('rename', { id: 1n, what: 'throw' });
    await home.time.advance(5_000);
    const lease = [home.log.batches.length, logBytes(home.log)];
    await home.time.advance(1_000);
    expect([home.log.batches.length, logBytes(home.log)]).toEqual(lease);
    expect(whats(home)).toEqual([]);
    // Told of, but not a hundred times a second.
    expect(failures).toHaveLength(1);
  });

  it('[LIM-3] [SCH-6] whose run changes too much is told of to the diagnostics, and leaves nothing', async () => {
    const failures: unknown[] = [];
    const diagnostics = { reducerThrew: (_: string, error: unknown) => void failures.push(error), logFailed: () => {} };
    const { home, call } = await open({ diagnostics });
    call('every', { micros: 100_000n, what: 'flood' });
    await home.time.advance(150);
    expect(failures).toEqual([
      expect.objectContaining({ code: 'limit-reached', message: expect.stringMatching(/callBytesMax/) }),
    ]);
    expect(runs(home)).toEqual([]);
    call('rename', { id: 1n, what: 'tick' });
    await home.time.advance(100);
    expect(whats(home)).toEqual(['tick']);
  });

  it('[SCH-7] begins a new interval when the authority starts again', async () => {
    const { home, call } = await open();
    call('every', { micros: 100_000n, what: 'tick' });
    await home.time.advance(250);
    home.time.nowMs += 10_000;
    const again = await restart(home);
    const start = again.home.time.nowMs;
    await again.home.time.advance(250);
    expect(times(again.home, start).slice(2)).toEqual([100, 200]);
  });

  it('of no length, or less, is run every millisecond and no more often', async () => {
    const { home, call } = await open();
    call('every', { micros: 0n, what: 'tick' });
    call('every', { micros: -5n, what: 'tock' });
    await home.time.advance(10);
    expect(whats(home).filter((what) => what === 'tick')).toHaveLength(10);
    expect(whats(home).filter((what) => what === 'tock')).toHaveLength(10);
  });
});

describe('a row with a time', () => {
  it('[SCH-8] runs once, and is deleted by the commit of that run', async () => {
    const { home, call } = await open();
    const start = home.time.nowMs;
    call('once', { micros: 250_000n, what: 'ring' });
    await home.time.advance(249);
    expect(home.rows('beat')).toHaveLength(1);
    await home.time.advance(1_000);
    expect(times(home, start)).toEqual([250]);
    expect(home.rows('beat')).toEqual([]);
    const commit = home.told.flatMap(({ commits }) => commits).at(-1);
    const names = home.authority.definition.tables.map(({ accessor }) => accessor);
    expect(commit?.changes.map(({ tableId, after }) => [names[tableId], after === undefined])).toEqual([
      ['run', false],
      ['beat', true],
    ]);
    expect(home.time.timerCount).toBe(0);
  });

  it('[SCH-8] is deleted, too, when its run fails or changes its other columns', async () => {
    const { home, call } = await open();
    for (const what of ['throw', 'idle', 'rename', 'leave']) call('once', { micros: 1_000n, what });
    await home.time.advance(1_000);
    expect(home.rows('beat')).toEqual([]);
    expect(whats(home)).toEqual(['rename', 'leave']);
    const again = await restart(home);
    await again.home.time.advance(1_000);
    expect([again.home.rows('beat'), whats(again.home)]).toEqual([[], ['rename', 'leave']]);
  });

  it('[SCH-8] stays when its run has given it another time', async () => {
    const { home, call } = await open();
    const start = home.time.nowMs;
    call('once', { micros: 1_000n, what: 'again' });
    await home.time.advance(3_000);
    expect([times(home, start), whats(home), home.rows('beat')]).toEqual([[1, 1_001], ['again', 'last'], []]);
  });

  it('[SCH-7] that came due while nothing ran runs at once, and one whose run was not durable runs again', async () => {
    const { home, call } = await open();
    call('once', { micros: 1_000_000n, what: 'lost' });
    call('once', { micros: 60_000_000n, what: 'later' });
    await home.time.settle();
    home.log.isHeld = true;
    await home.time.advance(2_000);
    expect(whats(home)).toEqual(['lost']);
    const again = await restart(home);
    home.log.isHeld = false;
    expect(whats(again.home)).toEqual([]);
    await again.home.time.advance(1);
    expect(whats(again.home)).toEqual(['lost']);
    again.home.time.nowMs += 3_600_000;
    const third = await restart(again.home);
    await third.home.time.advance(1);
    expect(whats(third.home)).toEqual(['lost', 'later']);
  });

  it('follows the wall clock when that is set', async () => {
    const { home, call } = await open();
    call('once', { micros: 3_600_000_000n, what: 'ring' });
    await home.time.advance(1_000);
    home.time.nowMs += 3_600_000;
    await home.time.advance(60_000);
    expect(whats(home)).toEqual(['ring']);
  });

  it('may be years away, though no timer is', async () => {
    const { home, call } = await open();
    call('once', { micros: 9_000_000_000_000_000n, what: 'ring' });
    await home.time.advance(600_000);
    expect(whats(home)).toEqual([]);
  });
});

describe('the schedule', () => {
  it('[SCH-9] waits while the log can not be written, and goes on where the rows are once it can', async () => {
    const { home, call } = await open();
    const start = home.time.nowMs;
    call('every', { micros: 100_000n, what: 'tick' });
    call('once', { micros: 220_000n, what: 'ring' });
    await home.time.advance(150);
    home.log.isBroken = true;
    await home.time.advance(300);
    expect(whats(home)).toEqual(['tick']);
    expect(home.rows('beat')).toHaveLength(2);
    home.log.isBroken = false;
    // The log is tried again once a second.
    await home.time.advance(2_000);
    const after = times(home, start).slice(1);
    expect(whats(home).filter((what) => what === 'ring')).toHaveLength(1);
    expect(after.filter((ms) => ms < 1_200)).toEqual([]);
    expect(after.filter((ms) => ms % 100 === 0).length).toBeGreaterThan(8);
  });

  it('[SCH-10] runs what is due in the order of the times, whoever made it', async () => {
    const { home, call } = await open();
    for (const [micros, what] of [
      [30_000n, 'c'],
      [10_000n, 'a'],
      [20_000n, 'b'],
      [20_000n, 'b2'],
    ] as const)
      call('once', { micros, what });
    await home.time.advance(100);
    expect(whats(home)).toEqual(['a', 'b', 'b2', 'c']);
  });

  it('[SCH-10] lets calls in between when thousands are due at once', async () => {
    const { home, call } = await open();
    for (let i = 0; i < 1_000; i++) call('once', { micros: 10_000n, what: 'many' });
    await home.time.settle();
    home.time.nowMs += 20;
    let seen = -1;
    const { scheduler } = home.environment;
    scheduler.after(0, () => {
      seen = home.rows('run').length;
    });
    await home.time.advance(0);
    expect(seen).toBeGreaterThan(0);
    expect(seen).toBeLessThan(1_000);
    expect(home.rows('run')).toHaveLength(1_000);
  });

  it('[SEC-4] is the only one to call its reducers', async () => {
    const { home, call } = await open();
    call('tick', { row: { id: 1n, at: ScheduleAt.interval(1n), what: '' } });
    await home.time.settle();
    expect(home.outcomesOf(home.client(1))).toMatchObject([
      { type: 'rejected', rejection: { code: 'reducer-not-callable' } },
    ]);
  });
});

/** Timers that are up to 9 ms late, as on a busy machine. */
class LateTime extends TestTime {
  #drawn = 7;

  override environmentOf(isAlive: () => boolean): ReturnType<TestTime['environmentOf']> {
    const environment = super.environmentOf(isAlive);
    const { scheduler } = environment;
    return {
      ...environment,
      scheduler: {
        ...scheduler,
        after: (delayMs, task) => {
          this.#drawn = (this.#drawn * 5 + 3) % 10;
          return scheduler.after(delayMs + this.#drawn, task);
        },
      },
    };
  }
}
