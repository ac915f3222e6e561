/**
 * `npm run demo:bots -- 100 [URL]`: so many pilots from Node, each a client of its own with a replica and a connection, as a
 * page has, but without predictions. They fly towards gems, take them, and shoot at whoever is near, until Ctrl+C.
 */

import { type Client, connect } from 'forerun/client';
import * as arena from './module.ts';
import { gemRadius, isNear, placeAt, type Point, shipRadius, shotRange, unit } from './world.ts';

const thinkEveryMs = 200;
const connectEveryMs = 50;
/** What a bot's eyes lag behind, as a page's do. */
const seenAgoMs = 120;

class Bot {
  readonly #client: Client<typeof arena>;
  readonly #ships = new Map<number, arena.Ship>();
  readonly #gems = new Map<number, arena.Gem>();
  readonly #timer: NodeJS.Timeout;
  readonly #name: string;
  #own: arena.Pilot | undefined;
  #isJoining = false;
  #confirmed = 0;
  #course: Point = { x: 0, y: 0 };
  #shotMs = 0;

  constructor(url: string, name: string) {
    this.#client = connect({ module: arena, database: 'arena', url, guard: false });
    // A bot feels no delay: a hundred replicas in one process have no time to run their calls again and again.
    this.#client.simulate({ prediction: false });
    const { ship, gem, pilot } = this.#client.tables;
    // Row by row: a hundred replicas in one process have no time for queries.
    follow(ship, this.#ships);
    follow(gem, this.#gems);
    const isOwn = (row: arena.Pilot): boolean => row.identity.toHexString() === this.#client.status.identity;
    pilot.onInsert((row) => isOwn(row) && (this.#own = row));
    pilot.onUpdate((_, row) => isOwn(row) && (this.#own = row));
    pilot.onDelete((row) => isOwn(row) && (this.#own = undefined));
    this.#name = name;
    this.#timer = setInterval(() => this.#think(), thinkEveryMs * (0.8 + Math.random() * 0.4));
  }

  get isFlying(): boolean {
    return this.#own?.goneAtMs === 0 && this.#client.status.type === 'live';
  }

  /** Calls that the authority made, so far. */
  get confirmed(): number {
    return this.#confirmed;
  }

  close(): Promise<void> {
    clearInterval(this.#timer);
    return this.#client.close();
  }

  #join(): void {
    if (this.#isJoining) return;
    this.#isJoining = true;
    const answered = (): void => void (this.#isJoining = false);
    this.#client.reducers.join({ name: this.#name }).then(answered, answered);
  }

  /** Someone else was quicker, or it was shot: a bot shrugs. */
  #count(call: PromiseLike<unknown>): void {
    call.then(
      () => this.#confirmed++,
      () => {},
    );
  }

  #think(): void {
    const { status } = this.#client;
    if (status.type !== 'live' || !status.ready) return;
    if (this.#own?.goneAtMs !== 0) return this.#join();
    const row = this.#ships.get(this.#own.ship);
    if (row === undefined || row.outUntilMs > 0) return;
    const nowMs = Date.now();
    const own = placeAt(row, nowMs);
    const { reducers } = this.#client;
    for (const gem of this.#gems.values())
      if (isNear(own, gem, shipRadius + gemRadius)) this.#count(reducers.collect({ gem: gem.id, x: gem.x, y: gem.y }));
    const goal = nearest(own, this.#gems.values());
    const course = (goal && unit(goal.x - own.x, goal.y - own.y)) ?? { x: 1, y: 0 };
    // A new course when the old one leads elsewhere: most of the time a ship flies by itself.
    if (course.x * this.#course.x + course.y * this.#course.y < 0.95) {
      this.#course = course;
      this.#count(reducers.steer(course));
    }
    const others = [...this.#ships.values()].filter(({ id, outUntilMs }) => id !== row.id && outUntilMs === 0);
    const seenMs = nowMs - seenAgoMs;
    const target = nearest(
      own,
      others.map((other) => placeAt(other, seenMs)),
    );
    if (target === undefined || !isNear(own, target, shotRange) || nowMs - this.#shotMs < arena.reloadMs * 3) return;
    const direction = unit(target.x - own.x, target.y - own.y);
    this.#shotMs = nowMs;
    if (direction !== undefined) this.#count(reducers.fire({ ...direction, seenMs }));
  }
}

interface RowEvents<Row> {
  readonly onInsert: (listener: (row: Row) => void) => () => void;
  readonly onUpdate: (listener: (before: Row, after: Row) => void) => () => void;
  readonly onDelete: (listener: (row: Row) => void) => () => void;
}

function follow<Row extends { readonly id: number }>(table: RowEvents<Row>, rows: Map<number, Row>): void {
  table.onInsert((row) => rows.set(row.id, row));
  table.onUpdate((_, row) => rows.set(row.id, row));
  table.onDelete((row) => rows.delete(row.id));
}

function nearest<P extends Point>(from: Point, points: Iterable<P>): P | undefined {
  let best: P | undefined;
  for (const point of points)
    if (best === undefined || isNear(from, point, Math.hypot(best.x - from.x, best.y - from.y))) best = point;
  return best;
}

const [count = '20', url = 'http://localhost:5173'] = process.argv.slice(2);
const bots: Bot[] = [];
const arriving = setInterval(() => {
  if (bots.length >= Number(count)) clearInterval(arriving);
  else bots.push(new Bot(url, `Bot ${bots.length + 1}`));
}, connectEveryMs);
let confirmedBefore = 0;
const report = setInterval(() => {
  const confirmed = bots.reduce((total, bot) => total + bot.confirmed, 0);
  const flying = bots.filter((bot) => bot.isFlying).length;
  console.log(`${flying} of ${count} flying · ${Math.round((confirmed - confirmedBefore) / 5)} calls/s confirmed`);
  confirmedBefore = confirmed;
}, 5_000);
process.once('SIGINT', () => {
  clearInterval(arriving);
  clearInterval(report);
  void Promise.all(bots.map((bot) => bot.close())).then(() => process.exit(0));
});
