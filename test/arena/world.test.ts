/** The arena's rules, on an engine: what a shot hits, who gets a gem, and what the tick does. */

import { afterEach, describe, expect, test } from 'vitest';
import { openModule, type TestCaller } from '../../core/engine/engine.testing.ts';
import type { Row } from '../../core/commit/row-change.ts';
import { Identity } from '../../core/value/identity.ts';
import { ScheduleAt } from '../../core/value/schedule-at.ts';
import * as arena from '../../demo/arena/module.ts';
import { placeAt, pillars, rememberedMs, shipRadius, shipSpeed, turned, type Way } from '../../demo/arena/world.ts';

const startMs = 1_767_225_600_000;
const [ada, bob] = [new Identity(1n), new Identity(2n)];
const tickArgs = { row: { id: 1n, scheduledAt: ScheduleAt.interval(50_000n) } };
const open: TestCaller[] = [];

afterEach(() => {
  for (const caller of open.splice(0)) caller.engine.close();
});

/** Two ships on a free line, 300 apart, and no drones. */
async function duel(): Promise<Duel> {
  const caller = await openModule(arena);
  open.push(caller);
  const table = (accessor: string) => caller.engine.stores.find(({ shape }) => shape.table.accessor === accessor);
  const rows = <R>(accessor: string): R[] =>
    caller.engine.rows(table(accessor)?.shape.table.tableId ?? 0) as unknown as R[];
  const call = (reducer: string, sender: Identity, args: object, atMs: number) =>
    caller.call(reducer, { args, sender, timestampMicros: atMs * 1_000 });
  call('join', ada, { name: 'Ada' }, startMs);
  call('join', bob, { name: 'Bob' }, startMs);
  const ship = (name: string): arena.Ship => {
    const found = rows<arena.Ship>('ship').find((each) => each.name === name);
    if (found === undefined) throw new Error(`${name} has no ship`);
    return found;
  };
  const place = (name: string, x: number, y: number): void => {
    const row = { ...ship(name), x, y };
    table('ship')?.load(
      [...rows<arena.Ship>('ship').filter((each) => each.id !== row.id), row].map((each) => each as unknown as Row),
    );
  };
  place('Ada', 1_000, 600);
  place('Bob', 1_300, 600);
  const tick = (atMs: number): void => void call('tick', Identity.zero(), tickArgs, atMs);
  return { call, rows, ship, place, tick };
}

interface Duel {
  readonly call: (reducer: string, sender: Identity, args: object, atMs: number) => ReturnType<TestCaller['call']>;
  readonly rows: <R>(accessor: string) => R[];
  readonly ship: (name: string) => arena.Ship;
  readonly place: (name: string, x: number, y: number) => void;
  readonly tick: (atMs: number) => void;
}

describe('a shot', () => {
  test('hits whom its shooter saw there, though they have moved on since', async () => {
    const { call, ship, rows, tick } = await duel();
    call('steer', bob, { x: 0, y: 1 }, startMs + 1_000);
    // 200 ms later Bob is 60 units away from the line; the shooter still saw him on it.
    call('fire', ada, { x: 1, y: 0, seenMs: startMs + 1_000 }, startMs + 1_200);
    // Whoever turns between the shot and the tick was where they were.
    call('steer', bob, { x: 1, y: 0 }, startMs + 1_210);
    call('steer', ada, { x: 0, y: -1 }, startMs + 1_210);
    tick(startMs + 1_240);
    expect(ship('Bob').health).toBeLessThan(arena.healthMax);
    expect(rows<arena.Shot>('shot')[0]?.x).toBeCloseTo(1_300 - shipRadius);
  });

  test('is judged once', async () => {
    const { call, ship, tick } = await duel();
    call('fire', ada, { x: 1, y: 0, seenMs: startMs + 1_000 }, startMs + 1_000);
    for (let i = 1; i <= 5; i++) tick(startMs + 1_000 + i * arena.tickMs);
    expect(ship('Bob').health).toBe(arena.healthMax - 34);
  });

  test('that was made before its shooter was put out counts', async () => {
    const { call, ship, tick } = await duel();
    for (let i = 1; i <= 2; i++) {
      call('fire', ada, { x: 1, y: 0, seenMs: startMs + i * 300 }, startMs + i * 300);
      tick(startMs + i * 300 + 10);
    }
    call('fire', bob, { x: -1, y: 0, seenMs: startMs + 900 }, startMs + 900);
    call('fire', ada, { x: 1, y: 0, seenMs: startMs + 910 }, startMs + 910);
    tick(startMs + 920);
    expect(ship('Bob').outUntilMs).toBeGreaterThan(0);
    expect(ship('Ada').health).toBeLessThan(arena.healthMax);
  });

  test('misses whom its shooter did not see there', async () => {
    const { call, ship, tick } = await duel();
    call('steer', bob, { x: 0, y: 1 }, startMs + 1_000);
    call('fire', ada, { x: 1, y: 0, seenMs: startMs + 1_200 }, startMs + 1_200);
    tick(startMs + 1_240);
    expect(ship('Bob').health).toBe(arena.healthMax);
  });

  test('is judged on no older world than is remembered, whatever its shooter claims', async () => {
    const { call, ship, tick } = await duel();
    call('steer', bob, { x: 0, y: 1 }, startMs + 1_000);
    call('fire', ada, { x: 1, y: 0, seenMs: startMs }, startMs + 1_000 + rememberedMs + 100);
    tick(startMs + 1_000 + rememberedMs + 110);
    expect(ship('Bob').health).toBe(arena.healthMax);
  });

  test('puts a ship out after three hits, counts for the shooter, and the tick brings the ship back', async () => {
    const { call, ship, rows, tick } = await duel();
    for (let i = 1; i <= 3; i++) {
      call('fire', ada, { x: 1, y: 0, seenMs: startMs + i * 300 }, startMs + i * 300);
      tick(startMs + i * 300 + 10);
    }
    expect(ship('Bob').outUntilMs).toBeGreaterThan(startMs);
    expect(rows<arena.Pilot>('pilot').map(({ name, score }) => [name, score])).toEqual([
      ['Ada', 5],
      ['Bob', 0],
    ]);
    expect(call('steer', bob, { x: 1, y: 0 }, startMs + 1_000).type).toBe('rejected');
    tick(startMs + 4_000);
    expect(ship('Bob')).toMatchObject({ outUntilMs: 0, health: arena.healthMax });
  });

  test('waits until the last one is reloaded', async () => {
    const { call } = await duel();
    expect(call('fire', ada, { x: 1, y: 0, seenMs: startMs }, startMs + 1_000).type).toBe('committed');
    expect(call('fire', ada, { x: 1, y: 0, seenMs: startMs }, startMs + 1_100).type).toBe('rejected');
  });
});

describe('a gem', () => {
  test('goes to the first who takes it, and appears elsewhere', async () => {
    const { call, rows, place } = await duel();
    call('init', Identity.zero(), {}, startMs);
    const gem = rows<arena.Gem>('gem')[0];
    if (gem === undefined) throw new Error('there are no gems');
    place('Ada', gem.x, gem.y);
    place('Bob', gem.x, gem.y);
    const args = { gem: gem.id, x: gem.x, y: gem.y };
    expect(call('collect', ada, args, startMs + 1).type).toBe('committed');
    expect(call('collect', bob, args, startMs + 2)).toMatchObject({
      rejection: { message: 'Someone else was quicker.' },
    });
    expect(rows<arena.Gem>('gem')[0]).not.toEqual(gem);
  });

  test('can not be taken from afar', async () => {
    const { call, rows, place } = await duel();
    call('init', Identity.zero(), {}, startMs);
    const gem = rows<arena.Gem>('gem')[0];
    if (gem === undefined) throw new Error('there are no gems');
    place('Ada', gem.x > 1_200 ? gem.x - 100 : gem.x + 100, gem.y);
    expect(call('collect', ada, { gem: gem.id, x: gem.x, y: gem.y }, startMs + 1).type).toBe('rejected');
  });
});

describe('a way', () => {
  const still: Way = { x: 1_000, y: 600, vx: 0, vy: 0, atMs: startMs, past: [] };

  test('is the same now as it was shown then, through every turn', () => {
    const right = turned(still, startMs + 100, { vx: shipSpeed, vy: 0 });
    const down = turned(right, startMs + 200, { vx: 0, vy: shipSpeed });
    for (const atMs of [50, 120, 180, 200])
      expect(placeAt(down, startMs + atMs)).toEqual(placeAt(right, startMs + atMs));
    expect(placeAt(down, startMs + 300)).toEqual({ x: 1_030, y: 630 });
  });

  test('ends at the walls and goes round pillars', () => {
    const fast = turned(still, startMs, { vx: -shipSpeed, vy: 0 });
    expect(placeAt(fast, startMs + 60_000).x).toBe(shipRadius);
    for (const pillar of pillars) {
      const towards = turned({ ...still, x: pillar.x - 200, y: pillar.y + 5 }, startMs, { vx: shipSpeed, vy: 0 });
      for (let atMs = 0; atMs < 2_000; atMs += 40) {
        const { x, y } = placeAt(towards, startMs + atMs);
        expect(Math.hypot(x - pillar.x, y - pillar.y)).toBeGreaterThan(pillar.radius + shipRadius - 0.001);
      }
    }
  });

  test('forgets what no shot may look at any more', () => {
    let way = still;
    for (let i = 1; i < 100; i++) way = turned(way, startMs + i * 100, { vx: i, vy: 0 });
    expect(way.past.length).toBeLessThanOrEqual(8);
  });
});

describe('the tick', () => {
  test('parts ships that touch', async () => {
    const { ship, place, tick } = await duel();
    place('Bob', 1_010, 600);
    tick(startMs + 100);
    expect(ship('Bob').x - ship('Ada').x).toBeGreaterThan(2 * shipRadius);
  });
});

describe('a pilot whose connection is lost', () => {
  const leave = (call: Duel['call'], atMs: number) => call('onDisconnect', bob, {}, atMs);

  test('finds ship and score again, stopped, when they are back within three seconds', async () => {
    const { call, ship, rows, tick } = await duel();
    call('steer', bob, { x: 1, y: 0 }, startMs + 1_000);
    leave(call, startMs + 2_000);
    expect(ship('Bob')).toMatchObject({ vx: 0, vy: 0 });
    tick(startMs + 4_900);
    call('join', bob, { name: 'Bob' }, startMs + 4_950);
    tick(startMs + 9_000);
    expect(ship('Bob').x).toBeCloseTo(1_600);
    expect(rows<arena.Pilot>('pilot').map(({ name, goneAtMs }) => [name, goneAtMs])).toEqual([
      ['Ada', 0],
      ['Bob', 0],
    ]);
  });

  test('has left the arena after that', async () => {
    const { call, rows, tick } = await duel();
    leave(call, startMs + 2_000);
    tick(startMs + 5_000);
    expect(rows<arena.Pilot>('pilot').map(({ name }) => name)).toEqual(['Ada']);
    expect(rows<arena.Ship>('ship').map(({ name }) => name)).toEqual(['Ada']);
  });
});
