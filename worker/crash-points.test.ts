/**
 * Crashes at named points of a call's way, of the client and of the authority: after each, everything that somebody was told
 * to be safe is there once, and both sides hold the same rows.
 */

import { expect, test } from 'vitest';
import { TestLog } from '../core/authority/home.testing.ts';
import type { Log } from '../core/commit/log.ts';
import { SimulatedStorage } from '../test/contract/simulated-storage.ts';
import { Desk, type Seat } from './desk.testing.ts';
import type { ClientStore } from './persist/store.ts';

const clientPoints = [
  'before the device is written to',
  'between device write and socket send',
  'before the socket send',
  'after the socket send',
] as const;
const authorityPoints = [
  'before the log append',
  'after the log append',
  'before an answer is sent',
  'after an answer is sent',
] as const;
type Point = (typeof clientPoints)[number] | (typeof authorityPoints)[number];

const isOfClient = (point: Point): boolean => clientPoints.some((each) => each === point);

/** Where it crashes: the point, and how often that is passed before. */
class Crash {
  isDown = false;
  readonly #point: Point;
  #left: number;

  constructor(point: Point, passes: number) {
    this.#point = point;
    this.#left = passes;
  }

  get hasHappened(): boolean {
    return this.#left < 0;
  }

  /** Gives whether whoever passes is down, and does nothing more: the client, or the authority. */
  pass(point: Point): boolean {
    if (isOfClient(point) !== isOfClient(this.#point)) return false;
    if (point === this.#point && !this.hasHappened && this.#left-- === 0) this.isDown = true;
    return this.isDown;
  }
}

const never = (): Promise<never> => new Promise(() => {});

class CrashingLog extends TestLog {
  readonly #crash: Crash;

  constructor(crash: Crash) {
    super();
    this.#crash = crash;
  }

  override open(): Log {
    const log = super.open();
    return {
      ...log,
      append: async (batch) => {
        if (this.#crash.pass('before the log append')) return never();
        await log.append(batch);
        return this.#crash.pass('after the log append') ? never() : undefined;
      },
    };
  }
}

function crashingStore(store: ClientStore, crash: Crash): ClientStore {
  return {
    ...store,
    write: async (write) => {
      if (crash.pass('before the device is written to')) return never();
      await store.write(write);
      return crash.pass('between device write and socket send') ? never() : undefined;
    },
  };
}

class World {
  readonly #crash: Crash;
  readonly #point: Point;
  readonly #desk: Desk;
  readonly #storage = new SimulatedStorage();
  #seat: Seat | undefined;
  #made = 0;
  /** Texts of calls that somebody was told to be stored or confirmed, and of those of a client that has not crashed. */
  readonly safe = new Set<string>();

  private constructor(point: Point, crash: Crash, desk: Desk) {
    this.#point = point;
    this.#crash = crash;
    this.#desk = desk;
  }

  static async open(point: Point, passes: number): Promise<World> {
    // What happens until the client has its rows is no part of a call's way.
    const crash = new Crash(point, passes);
    const before = new Crash(point, Number.POSITIVE_INFINITY);
    const current = { crash: before };
    const follow = { pass: (each: Point) => current.crash.pass(each) } as Crash;
    const desk = await Desk.open(undefined, {
      log: new CrashingLog(follow),
      passes: {
        nearSend: () => follow.pass('before the socket send'),
        nearSent: () => follow.pass('after the socket send'),
        farSend: () => follow.pass('before an answer is sent'),
        farSent: () => follow.pass('after an answer is sent'),
      },
    });
    const world = new World(point, crash, desk);
    await world.#sit(follow);
    await desk.time.advance(1_000);
    current.crash = crash;
    return world;
  }

  async live(): Promise<void> {
    for (let i = 0; i < 12; i++) {
      this.#call();
      await this.#desk.time.advance(i % 3);
      if (this.#crash.isDown) await this.#restart();
    }
    await this.#desk.time.advance(60_000);
    if (this.#crash.isDown) await this.#restart();
    await this.#desk.time.advance(60_000);
  }

  check(): void {
    expect(this.#crash.hasHappened).toBe(true);
    const notes = this.#desk.home.rows('note').map(({ text }) => String(text));
    expect(new Set(notes).size).toBe(notes.length);
    for (const text of this.safe) expect(notes).toContain(text);
    const { client } = this.#seat as Seat;
    expect(client.status).toMatchObject({ type: 'live', pending: 0 });
    const live = client.live('SELECT text FROM note ORDER BY id');
    expect(live.rows.map(({ text }) => text)).toEqual(notes);
    live.close();
  }

  async #sit(crash: Crash): Promise<void> {
    this.#seat = await this.#desk.seat({ store: crashingStore(this.#storage.connect(), crash) });
  }

  #call(): void {
    const text = `note ${++this.#made}`;
    const call = (this.#seat as Seat).client.reducers.write({ text });
    if (!isOfClient(this.#point)) this.safe.add(text);
    const isSafe = (): void => void this.safe.add(text);
    call.stored.then(isSafe, () => {});
    call.confirmed.then(isSafe, () => {});
  }

  async #restart(): Promise<void> {
    if (isOfClient(this.#point)) {
      this.#seat?.kill();
      this.#seat?.cut();
      this.#crash.isDown = false;
      await this.#sit(this.#crash);
    } else {
      await this.#desk.restart(() => {
        this.#crash.isDown = false;
      });
      this.#seat?.cut();
    }
    await this.#desk.time.advance(10);
  }
}

test.for([...clientPoints, ...authorityPoints])(
  '[EXO-3] [EXO-7] [EXO-8] [AUT-10] a crash %s loses nothing that was told to be safe, and repeats nothing',
  async (point) => {
    for (const passes of [0, 1, 3]) {
      const world = await World.open(point, passes);
      await world.live();
      world.check();
    }
  },
);
