/**
 * The arena: ships that fly, collect gems and shoot. A scheduled reducer, the tick, does what nobody calls for: it judges
 * the shots, steers the drones, parts ships that touch, and brings back those that were shot.
 *
 * A shot is judged on the world as its shooter saw it, who sees others where they were a moment ago: `seenMs` says when,
 * and the rows remember the ways of the last `rememberedMs`. That is the tick's work, so that `fire` reads nobody's ship
 * but its own: a prediction that had read them all would run again whenever anybody turns.
 */

import { type ReducerCtx, type RowOf, ScheduleAt, SenderError, schema, t, table } from 'forerun';
import {
  freePlace,
  gemRadius,
  isNear,
  placeAt,
  type Point,
  rememberedMs,
  shipRadius,
  shipSpeed,
  struck,
  turned,
  unit,
} from './world.ts';

const leg = t.object('Leg', { x: t.f64(), y: t.f64(), vx: t.f64(), vy: t.f64(), atMs: t.f64() });

const ship = table(
  { name: 'ship', public: true },
  {
    id: t.u32().primaryKey().autoInc(),
    name: t.string(),
    isDrone: t.bool(),
    x: t.f64(),
    y: t.f64(),
    vx: t.f64(),
    vy: t.f64(),
    atMs: t.f64(),
    past: t.array(leg),
    health: t.u8(),
    /** Out until then; 0 while it flies. */
    outUntilMs: t.f64(),
  },
);

/** The last shot of each ship. */
const shot = table(
  { name: 'shot', public: true },
  {
    ship: t.u32().primaryKey(),
    atMs: t.f64(),
    /** Of the world that its shooter saw. */
    seenMs: t.f64(),
    /** Its direction, of length 1. */
    dx: t.f64(),
    dy: t.f64(),
    /** Where it ends: for a tick or so at pillars only, then at whom it hit. */
    x: t.f64(),
    y: t.f64(),
    isJudged: t.bool(),
  },
);

const pilot = table(
  { name: 'pilot', public: true },
  {
    identity: t.identity().primaryKey(),
    ship: t.u32().unique(),
    name: t.string(),
    score: t.u32(),
    /** When the connection went; 0 while it is there. */
    goneAtMs: t.f64().default(0),
  },
);

const gem = table({ name: 'gem', public: true }, { id: t.u32().primaryKey(), x: t.f64(), y: t.f64() });

/** Where somebody aims, for the others to see: a sign that goes with its connection and is kept nowhere. */
const aim = table(
  { name: 'aim', public: true, ephemeral: true },
  { ship: t.u32().primaryKey(), x: t.f64(), y: t.f64() },
);

/** Every tick tells its time, so that a page can say how many there are. */
const pulse = table({ name: 'pulse', public: true, event: true }, { atMs: t.f64() });

const clock = table({ name: 'clock' }, { id: t.u64().primaryKey().autoInc(), scheduledAt: t.scheduleAt() });

const tables = { ship, shot, pilot, gem, aim, pulse, clock };
const arena = schema(tables);
export default arena;

type Ctx = ReducerCtx<typeof tables>;
export type Ship = RowOf<typeof ship>;
export type Shot = RowOf<typeof shot>;
export type Pilot = RowOf<typeof pilot>;
export type Gem = RowOf<typeof gem>;
export type Aim = RowOf<typeof aim>;

export const tickMs = 50;
export const healthMax = 100;
export const reloadMs = 280;
const damage = 34;
const outMs = 2_000;
const gemCount = 60;
const droneCount = 40;
const droneSpeed = 130;
/** A drone takes another course at least so often. */
const courseMsMax = 5_000;
const pilotsMax = 120;
/** A ship waits so long for a pilot whose connection was lost. */
const graceMs = 3_000;
/** A gem counts as touched at this distance: a page sees its own ship where it is going to be when the call arrives. */
const reach = shipRadius + gemRadius + 12;

export const init = arena.init((ctx) => {
  ctx.db.clock.insert({ id: 0n, scheduledAt: ScheduleAt.interval(BigInt(tickMs * 1_000)) });
  for (let id = 0; id < gemCount; id++) ctx.db.gem.insert({ id, ...freePlace(ctx.random) });
  for (let i = 0; i < droneCount; i++) ctx.db.ship.insert(newShip(ctx, 'Drone', true));
});

/** Enters the arena, or comes back under another name. */
export const join = arena.reducer({ name: t.string() }, (ctx, { name }) => {
  const called = name.trim().slice(0, 20) || 'Someone';
  const known = ctx.db.pilot.identity.find(ctx.sender);
  const own = known && ctx.db.ship.id.find(known.ship);
  if (known && own) {
    ctx.db.pilot.identity.update({ ...known, name: called, goneAtMs: 0 });
    ctx.db.ship.id.update({ ...own, name: called });
    return;
  }
  if (ctx.db.pilot.count() >= BigInt(pilotsMax)) throw new SenderError('The arena is full. Come back later.');
  const { id } = ctx.db.ship.insert(newShip(ctx, called, false));
  if (known) ctx.db.pilot.identity.update({ ...known, ship: id, name: called, goneAtMs: 0 });
  else ctx.db.pilot.insert({ identity: ctx.sender, ship: id, name: called, score: 0, goneAtMs: 0 });
});

/** Takes a course; 0, 0 stops. */
export const steer = arena.reducer({ x: t.f64(), y: t.f64() }, (ctx, { x, y }) => {
  const own = ownShip(ctx);
  const to = unit(x, y);
  const course = { vx: (to?.x ?? 0) * shipSpeed, vy: (to?.y ?? 0) * shipSpeed };
  ctx.db.ship.id.update({ ...own, ...writable(turned(own, nowMs(ctx), course)) });
});

/** Turns the barrel. */
export const takeAim = arena.reducer({ x: t.f64(), y: t.f64() }, (ctx, { x, y }) => {
  const { id } = ownShip(ctx);
  const direction = unit(x, y);
  if (!direction) throw new SenderError('A barrel has a direction.');
  const row = { ship: id, ...direction };
  if (ctx.db.aim.ship.find(id)) ctx.db.aim.ship.update(row);
  else ctx.db.aim.insert(row);
});

/** Shoots in a direction, at the others as they were when the shooter saw them. The next tick says whom it hits. */
export const fire = arena.reducer({ x: t.f64(), y: t.f64(), seenMs: t.f64() }, (ctx, { x, y, seenMs }) => {
  const own = ownShip(ctx);
  const direction = unit(x, y);
  if (!direction) throw new SenderError('A shot has a direction.');
  const now = nowMs(ctx);
  const last = ctx.db.shot.ship.find(own.id);
  if (last && now - last.atMs < reloadMs) throw new SenderError('Still reloading.');
  const { end } = struck(placeAt(own, now), direction, []);
  const judgedMs = Math.min(now, Math.max(seenMs, now - rememberedMs));
  const row = { ship: own.id, atMs: now, seenMs: judgedMs, dx: direction.x, dy: direction.y, ...end, isJudged: false };
  if (last) ctx.db.shot.ship.update(row);
  else ctx.db.shot.insert(row);
});

/** Takes a gem that the own ship touches; another one appears elsewhere. */
export const collect = arena.reducer({ gem: t.u32(), x: t.f64(), y: t.f64() }, (ctx, { gem: id, x, y }) => {
  const own = ownShip(ctx);
  const found = ctx.db.gem.id.find(id);
  // Where it was tells this gem from its successor.
  if (!found || found.x !== x || found.y !== y) throw new SenderError('Someone else was quicker.');
  if (!isNear(placeAt(own, nowMs(ctx)), found, reach)) throw new SenderError('That gem is too far away.');
  ctx.db.gem.id.update({ id, ...freePlace(ctx.random) });
  reward(ctx, own.id, 1);
});

export const onDisconnect = arena.clientDisconnected((ctx) => {
  const gone = ctx.db.pilot.identity.find(ctx.sender);
  if (!gone) return;
  const now = nowMs(ctx);
  ctx.db.pilot.identity.update({ ...gone, goneAtMs: now });
  const own = ctx.db.ship.id.find(gone.ship);
  if (own) ctx.db.ship.id.update({ ...own, ...writable(turned(own, now, { vx: 0, vy: 0 })) });
});

export const tick = arena.reducer({ onSchedule: clock }, { row: clock.rowType }, (ctx) => {
  // Nobody is there to see it.
  if (ctx.db.pilot.count() === 0n) return;
  const now = nowMs(ctx);
  ctx.db.pulse.insert({ atMs: now });
  for (const pilot of ctx.db.pilot.iter()) {
    if (pilot.goneAtMs === 0 || now - pilot.goneAtMs < graceMs) continue;
    ctx.db.ship.id.delete(pilot.ship);
    ctx.db.shot.ship.delete(pilot.ship);
    ctx.db.pilot.identity.delete(pilot.identity);
  }
  const ships = new Map([...ctx.db.ship.iter()].map((row) => [row.id, row]));
  judge(ctx, ships, now);
  const flying: { row: Ship; place: Point }[] = [];
  for (const row of ships.values()) {
    if (row.outUntilMs > now) continue;
    const back = row.outUntilMs === 0 ? row : returned(ctx, row, now);
    const isDue = back.isDrone && (ctx.random() < 0.03 || now - back.atMs > courseMsMax);
    const steered = isDue ? wandering(ctx, back, now) : back;
    if (steered !== row) ctx.db.ship.id.update(steered);
    flying.push({ row: steered, place: placeAt(steered, now) });
  }
  for (const [one, other] of touching(flying)) part(ctx, one, other, now);
});

function nowMs(ctx: Ctx): number {
  return Number(ctx.timestamp.microsSinceUnixEpoch) / 1_000;
}

function ownShip(ctx: Ctx): Ship {
  const own = ctx.db.pilot.identity.find(ctx.sender);
  const found = own && ctx.db.ship.id.find(own.ship);
  if (!found) throw new SenderError('Join first.');
  if (found.outUntilMs > 0) throw new SenderError('You are out. You will be back in a moment.');
  return found;
}

function newShip(ctx: Ctx, name: string, isDrone: boolean): Ship {
  const atMs = nowMs(ctx);
  const place = freePlace(ctx.random);
  return { id: 0, name, isDrone, ...place, vx: 0, vy: 0, atMs, past: [], health: healthMax, outUntilMs: 0 };
}

function returned(ctx: Ctx, row: Ship, now: number): Ship {
  return { ...row, ...freePlace(ctx.random), vx: 0, vy: 0, atMs: now, past: [], health: healthMax, outUntilMs: 0 };
}

function wandering(ctx: Ctx, row: Ship, now: number): Ship {
  const angle = ctx.random() * 2 * Math.PI;
  const course = { vx: Math.cos(angle) * droneSpeed, vy: Math.sin(angle) * droneSpeed };
  return { ...row, ...writable(turned(row, now, course)) };
}

/** Shots since the last tick, in the order in which they were made; `ships` are as they have left them. */
function judge(ctx: Ctx, ships: Map<number, Ship>, now: number): void {
  const due = [...ctx.db.shot.iter()].filter(({ isJudged }) => !isJudged).sort((a, b) => a.atMs - b.atMs);
  for (const shot of due) {
    const shooter = ships.get(shot.ship);
    if (!shooter) continue;
    const others = [...ships.values()]
      .filter(({ id, outUntilMs }) => id !== shot.ship && outUntilMs === 0)
      .map((row) => ({ ...placeAt(row, shot.seenMs), row }));
    const { end, target } = struck(placeAt(shooter, shot.atMs), { x: shot.dx, y: shot.dy }, others);
    ctx.db.shot.ship.update({ ...shot, ...end, isJudged: true });
    if (target) ships.set(target.row.id, hit(ctx, target.row, shot.ship, now));
  }
}

function hit(ctx: Ctx, row: Ship, by: number, now: number): Ship {
  const health = Math.max(0, row.health - damage);
  const isOut = health === 0;
  const struckShip = isOut
    ? { ...row, ...writable(turned(row, now, { vx: 0, vy: 0 })), health, outUntilMs: now + outMs }
    : { ...row, health };
  ctx.db.ship.id.update(struckShip);
  if (isOut) reward(ctx, by, row.isDrone ? 2 : 5);
  return struckShip;
}

function reward(ctx: Ctx, ship: number, points: number): void {
  const pilot = ctx.db.pilot.ship.find(ship);
  if (pilot) ctx.db.pilot.identity.update({ ...pilot, score: pilot.score + points });
}

function touching<S extends { readonly place: Point }>(ships: readonly S[]): [S, S][] {
  const sorted = ships.toSorted((a, b) => a.place.x - b.place.x);
  const pairs: [S, S][] = [];
  for (const [i, one] of sorted.entries()) {
    for (let k = i + 1; k < sorted.length; k++) {
      const other = sorted[k];
      if (other === undefined || other.place.x - one.place.x > shipRadius * 2) break;
      if (isNear(one.place, other.place, shipRadius * 2)) pairs.push([one, other]);
    }
  }
  return pairs;
}

/** Pushes two ships apart along the line between them. */
function part(ctx: Ctx, one: { row: Ship; place: Point }, other: { row: Ship; place: Point }, now: number): void {
  const away = unit(other.place.x - one.place.x, other.place.y - one.place.y) ?? { x: 1, y: 0 };
  const distance = Math.hypot(other.place.x - one.place.x, other.place.y - one.place.y);
  const push = (shipRadius * 2 - distance) / 2 + 0.5;
  for (const [ship, sign] of [
    [one, -1],
    [other, 1],
  ] as const) {
    // A turn that its page made for a moment ahead of this one stays.
    const at = Math.max(now, ship.row.atMs);
    const place = { x: ship.place.x + away.x * push * sign, y: ship.place.y + away.y * push * sign };
    ship.row = { ...ship.row, ...writable(turned(ship.row, at, ship.row, at === now ? place : undefined)) };
    ctx.db.ship.id.update(ship.row);
  }
}

/** A row's array is the row's own. */
function writable({ past, ...rest }: ReturnType<typeof turned>): Pick<Ship, 'x' | 'y' | 'vx' | 'vy' | 'atMs' | 'past'> {
  return { ...rest, past: [...past] };
}
