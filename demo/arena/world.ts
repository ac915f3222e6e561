/**
 * The arena's space and motion: pure functions of rows and time, the same on the server, in every replica and for every
 * frame that is drawn.
 *
 * Law: between two changes of course a ship moves by itself: where it is follows from its row and the time. So a row is
 * written when a ship turns, not when it moves, and a page draws the same motion as the server has, at any time it likes.
 */

export interface Point {
  readonly x: number;
  readonly y: number;
}

/** A stretch of way with one course, from `atMs` on. Velocities are units a second. */
export interface Leg extends Point {
  readonly vx: number;
  readonly vy: number;
  /** Milliseconds since 1970. */
  readonly atMs: number;
}

/** A ship's way: where it goes now, and its legs before, the newest last. */
export interface Way extends Leg {
  readonly past: readonly Leg[];
}

export const width = 2_400;
export const height = 1_600;
export const shipRadius = 18;
export const shipSpeed = 300;
export const gemRadius = 10;
export const shotRange = 620;
/** No shot is judged on an older world. */
export const rememberedMs = 600;
/** Ways are remembered for longer: a shot waits for the tick that judges it. */
const keptMs = rememberedMs + 100;
const legsMax = 12;
/** Beside a wall a ship slides in steps of this, elsewhere its way is a straight line. */
const stepMs = 20;
/** Whoever has slid for so long is in a corner, or will be steered by a tick before anyone looks. */
const slidMsMax = 20_000;

export const pillars: readonly (Point & { readonly radius: number })[] = [
  { x: 500, y: 420, radius: 90 },
  { x: 1_200, y: 300, radius: 60 },
  { x: 1_850, y: 480, radius: 110 },
  { x: 820, y: 900, radius: 120 },
  { x: 1_500, y: 880, radius: 80 },
  { x: 420, y: 1_250, radius: 70 },
  { x: 1_180, y: 1_330, radius: 90 },
  { x: 2_000, y: 1_200, radius: 100 },
];

/** Where a ship is, or was. A time before all that is remembered is taken for the oldest remembered one. */
export function placeAt(way: Way, timeMs: number): Point {
  if (timeMs >= way.atMs) return moved(way, timeMs - way.atMs);
  let later: Leg = way;
  for (let i = way.past.length - 1; i >= 0; i--) {
    const leg = way.past[i];
    if (leg === undefined) break;
    if (timeMs >= leg.atMs) return moved(leg, timeMs - leg.atMs);
    later = leg;
  }
  return { x: later.x, y: later.y };
}

/** The way of a ship that takes another course. Its place may be corrected by a collision. */
export function turned(
  way: Way,
  atMs: number,
  course: { readonly vx: number; readonly vy: number },
  place?: Point,
): Way {
  const { x, y } = place ?? placeAt(way, atMs);
  const { past, ...last } = way;
  const legs = [...past, { x: last.x, y: last.y, vx: last.vx, vy: last.vy, atMs: last.atMs }]
    // A course that would have begun later never will, and of the old ones the last before the memory's edge counts.
    .filter((leg) => leg.atMs < atMs)
    .filter((_, i, all) => (all[i + 1]?.atMs ?? atMs) > atMs - keptMs);
  return { x, y, vx: course.vx, vy: course.vy, atMs, past: legs.slice(-legsMax) };
}

/** What a shot from here in this direction hits first: where it ends, and whom of these ships. */
export function struck<S extends Point>(
  from: Point,
  direction: Point,
  targets: Iterable<S>,
): { readonly end: Point; readonly target: S | undefined } {
  let nearest = shotRange;
  for (const pillar of pillars) nearest = Math.min(nearest, distanceAlong(from, direction, pillar, pillar.radius));
  let target: S | undefined;
  for (const ship of targets) {
    const distance = distanceAlong(from, direction, ship, shipRadius);
    if (distance >= nearest) continue;
    nearest = distance;
    target = ship;
  }
  return { end: { x: from.x + direction.x * nearest, y: from.y + direction.y * nearest }, target };
}

/** Of length 1; nothing for no direction at all. */
export function unit(x: number, y: number): Point | undefined {
  const length = Math.hypot(x, y);
  return length > 1e-6 && Number.isFinite(length) ? { x: x / length, y: y / length } : undefined;
}

/** Somewhere free of pillars, out of two numbers from 0 to 1. */
export function freePlace(random: () => number): Point {
  for (let i = 0; i < 20; i++) {
    const place = { x: 60 + random() * (width - 120), y: 60 + random() * (height - 120) };
    if (!pillars.some((pillar) => isNear(place, pillar, pillar.radius + shipRadius * 2))) return place;
  }
  return { x: width / 2, y: height / 2 };
}

export function isNear(a: Point, b: Point, distance: number): boolean {
  return (a.x - b.x) ** 2 + (a.y - b.y) ** 2 < distance ** 2;
}

function moved({ x, y, vx, vy }: Leg, forMs: number): Point {
  if (vx === 0 && vy === 0) return { x, y };
  return straight(x, y, vx, vy, forMs) ?? slid({ x, y }, vx, vy, Math.min(forMs, slidMsMax));
}

/** Where a way ends that touches nothing. */
function straight(x: number, y: number, vx: number, vy: number, forMs: number): Point | undefined {
  const end = { x: x + vx * (forMs / 1_000), y: y + vy * (forMs / 1_000) };
  return isInside(end) && pillars.every((pillar) => isClear(x, y, end, pillar)) ? end : undefined;
}

function slid(from: Point, vx: number, vy: number, forMs: number): Point {
  let { x, y } = from;
  for (let left = forMs; left > 0; left -= stepMs) {
    const seconds = Math.min(stepMs, left) / 1_000;
    const before = { x, y };
    x = within(x + vx * seconds, width);
    y = within(y + vy * seconds, height);
    for (const pillar of pillars) {
      const [dx, dy] = [x - pillar.x, y - pillar.y];
      const distance = Math.hypot(dx, dy);
      const reach = pillar.radius + shipRadius;
      if (distance >= reach || distance === 0) continue;
      x = within(pillar.x + (dx / distance) * reach, width);
      y = within(pillar.y + (dy / distance) * reach, height);
    }
    // Along a wall the way is straight again.
    const [alongX, alongY] = [isAgainst(x, vx, width) ? 0 : vx, isAgainst(y, vy, height) ? 0 : vy];
    const end = straight(x, y, alongX, alongY, Math.max(0, left - stepMs));
    if (end !== undefined) return end;
    // Stuck: it will be there for ever.
    if (Math.abs(x - before.x) + Math.abs(y - before.y) < 1e-3) break;
  }
  return { x, y };
}

function within(value: number, size: number): number {
  return Math.min(size - shipRadius, Math.max(shipRadius, value));
}

function isAgainst(value: number, speed: number, size: number): boolean {
  return speed < 0 ? value <= shipRadius : speed > 0 && value >= size - shipRadius;
}

function isInside({ x, y }: Point): boolean {
  return x >= shipRadius && y >= shipRadius && x <= width - shipRadius && y <= height - shipRadius;
}

/** A straight way that does not touch the pillar. */
function isClear(x: number, y: number, end: Point, pillar: Point & { readonly radius: number }): boolean {
  const [dx, dy] = [end.x - x, end.y - y];
  const along = ((pillar.x - x) * dx + (pillar.y - y) * dy) / (dx * dx + dy * dy || 1);
  const part = Math.min(1, Math.max(0, along));
  return !isNear({ x: x + dx * part, y: y + dy * part }, pillar, pillar.radius + shipRadius);
}

/** How far away a ray enters a circle; infinity when it does not. */
function distanceAlong(from: Point, direction: Point, centre: Point, radius: number): number {
  const [dx, dy] = [centre.x - from.x, centre.y - from.y];
  const along = dx * direction.x + dy * direction.y;
  const aside = dx * dx + dy * dy - along * along;
  const inside = radius * radius - aside;
  if (inside < 0) return Number.POSITIVE_INFINITY;
  const entry = along - Math.sqrt(inside);
  return entry >= 0 ? entry : Number.POSITIVE_INFINITY;
}
