/** The game's loop in a page: what is pressed becomes calls, and every frame shows the rows at this moment's times. */

import type { Client, LiveRows } from 'forerun/client';
import { type Camera, cameraOn, draw, type Scene, type ShownShip } from './draw.ts';
import type { Input } from './input.ts';
import { type Aim, type Gem, type Pilot, reloadMs, type Ship, type Shot } from './module.ts';
import type * as arena from './module.ts';
import { Smoothing } from './smoothing.ts';
import { Timing } from './timing.ts';
import { gemRadius, isNear, type Point, shipRadius, shotRange, unit } from './world.ts';

export interface GameFigures {
  readonly framesPerSecond: number;
  /** Of the slowest of twenty frames: what this loop took of it. */
  readonly workMs: number;
  readonly corrections: number;
  readonly ownCorrections: number;
  /** Of the server's, as they come in here. */
  readonly ticksPerSecond: number;
  readonly health: number;
  readonly place: 'entering' | 'refused' | 'out' | 'flying';
}

const steerEveryMs = 50;
const aimEveryMs = 100;
/** The barrel has turned by so much, as the cosine of the angle. */
const aimTurn = Math.cos(0.06);
const figuresEveryMs = 1_000;
const framesKept = 180;
/** A full arena is asked again so often. */
const enterEveryMs = 5_000;

export class Game {
  readonly #client: Client<typeof arena>;
  readonly #canvas: HTMLCanvasElement;
  readonly #name: string;
  readonly #input: Input;
  readonly #ships: LiveRows<Ship>;
  readonly #gems: LiveRows<Gem>;
  readonly #pilots: LiveRows<Pilot>;
  readonly #aims: LiveRows<Aim>;
  readonly #shots: LiveRows<Shot>;
  readonly #forgetPulse: () => void;
  readonly #onFigures: (figures: GameFigures) => void;
  readonly #timing = new Timing();
  readonly #smoothing = new Smoothing();
  /** Gems that were asked for, as they were. */
  readonly #asked = new Set<Gem>();
  #frame = 0;
  #lastMs = 0;
  #figuresMs = 0;
  #intervals: number[] = [];
  #work: number[] = [];
  #steered: Point = { x: 0, y: 0 };
  #steeredMs = 0;
  #aimed: Point = { x: 0, y: 0 };
  #aimedMs = 0;
  #firedMs = 0;
  #ticks = 0;
  #eye: Point | undefined;
  #isEntering = false;
  #refusedMs = Number.NEGATIVE_INFINITY;

  constructor(
    client: Client<typeof arena>,
    canvas: HTMLCanvasElement,
    input: Input,
    name: string,
    onFigures: (figures: GameFigures) => void,
  ) {
    this.#client = client;
    this.#name = name;
    this.#canvas = canvas;
    this.#input = input;
    this.#onFigures = onFigures;
    this.#ships = client.live(client.tables.ship);
    this.#gems = client.live(client.tables.gem);
    this.#pilots = client.live(client.tables.pilot);
    this.#aims = client.live(client.tables.aim);
    this.#shots = client.live(client.tables.shot);
    this.#forgetPulse = client.tables.pulse.onInsert(() => this.#ticks++);
    this.#frame = requestAnimationFrame((nowMs) => this.#step(nowMs));
  }

  close(): void {
    cancelAnimationFrame(this.#frame);
    this.#forgetPulse();
    for (const rows of [this.#ships, this.#gems, this.#pilots, this.#aims, this.#shots]) rows.close();
  }

  #step(nowMs: number): void {
    this.#frame = requestAnimationFrame((next) => this.#step(next));
    const startedMs = performance.now();
    const passedMs = this.#lastMs === 0 ? 16 : nowMs - this.#lastMs;
    this.#lastMs = nowMs;
    this.#enter(startedMs);
    const times = this.#timing.at(startedMs);
    if (times === undefined) return;
    const scene = this.#scene(times.ownMs, times.othersMs, passedMs);
    this.#eye = scene.own ?? this.#eye;
    const camera = cameraOn(this.#canvas, this.#eye);
    draw(this.#canvas, scene, camera);
    if (scene.own !== undefined) this.#act(scene.own, scene, camera, times.othersMs, nowMs);
    this.#measure(nowMs, passedMs, performance.now() - startedMs, scene.own);
  }

  #pilot(): Pilot | undefined {
    const me = this.#client.status.identity;
    return this.#pilots.rows.find(({ identity }) => identity.toHexString() === me);
  }

  /** At first, and whenever the connection was lost: a ship waits for its pilot for a moment, and then leaves. */
  #enter(nowMs: number): void {
    if (this.#isEntering || nowMs - this.#refusedMs < enterEveryMs) return;
    if (this.#client.status.type !== 'live' || !this.#pilots.isReady || this.#pilot()?.goneAtMs === 0) return;
    this.#isEntering = true;
    const call = this.#client.reducers.join({ name: this.#name });
    call.then(
      () => (this.#isEntering = false),
      () => {
        this.#isEntering = false;
        this.#refusedMs = performance.now();
      },
    );
    this.#call(call);
  }

  #scene(ownMs: number, othersMs: number, passedMs: number): Scene {
    const ownId = this.#pilot()?.ship;
    const aims = new Map(this.#aims.rows.map((aim) => [aim.ship, aim]));
    const shots = new Map(this.#shots.rows.map((shot) => [shot.ship, shot]));
    const ships: ShownShip[] = [];
    let own: ShownShip | undefined;
    for (const row of this.#ships.rows) {
      const isOwn = row.id === ownId;
      const timeMs = isOwn ? ownMs : othersMs;
      // Until a tick brings it back, which offline does not come.
      if (row.outUntilMs !== 0) continue;
      const place = this.#smoothing.place(row, timeMs, passedMs, isOwn);
      const shown = { row, timeMs, isOwn, aim: aims.get(row.id), shot: shots.get(row.id), ...place };
      if (isOwn) own = shown;
      ships.push(shown);
    }
    const ids = new Set(this.#ships.rows.map(({ id }) => id));
    this.#smoothing.forget((id) => ids.has(id));
    return { ships, own, gems: this.#gems.rows, asked: this.#asked, stick: this.#input.stick };
  }

  #act(own: ShownShip, scene: Scene, camera: Camera, othersMs: number, nowMs: number): void {
    const { course } = this.#input;
    const isTurn = course.x !== this.#steered.x || course.y !== this.#steered.y;
    if (isTurn && nowMs - this.#steeredMs >= steerEveryMs) {
      this.#steered = course;
      this.#steeredMs = nowMs;
      this.#call(this.#client.reducers.steer(course));
    }
    const pointed = this.#pointed(own, camera);
    if (pointed !== undefined && nowMs - this.#aimedMs >= aimEveryMs && cosine(pointed, this.#aimed) < aimTurn) {
      this.#aimed = pointed;
      this.#aimedMs = nowMs;
      this.#call(this.#client.reducers.takeAim(pointed));
    }
    if (this.#input.isFiring && nowMs - this.#firedMs > reloadMs + 20) {
      const direction = pointed ?? nearestOther(own, scene.ships);
      if (direction !== undefined) {
        this.#firedMs = nowMs;
        this.#call(this.#client.reducers.fire({ ...direction, seenMs: othersMs }));
      }
    }
    for (const gem of this.#asked) if (!scene.gems.includes(gem)) this.#asked.delete(gem);
    for (const gem of scene.gems) {
      if (this.#asked.has(gem) || !isNear(own, gem, shipRadius + gemRadius)) continue;
      this.#asked.add(gem);
      this.#call(this.#client.reducers.collect({ gem: gem.id, x: gem.x, y: gem.y }));
    }
  }

  /** From the own ship towards the pointer. */
  #pointed(own: ShownShip, camera: Camera): Point | undefined {
    const { pointer } = this.#input;
    if (pointer === undefined) return undefined;
    const x = camera.x + (pointer.x - this.#canvas.clientWidth / 2) / camera.scale;
    const y = camera.y + (pointer.y - this.#canvas.clientHeight / 2) / camera.scale;
    return unit(x - own.x, y - own.y);
  }

  /** A refusal needs no words here: the ship is out, or somebody was quicker, and the rows say so. */
  #call(call: ReturnType<Client<typeof arena>['reducers']['join']>): void {
    this.#timing.learn(call, () => performance.now());
  }

  #absence(nowMs: number): GameFigures['place'] {
    if (this.#pilot() !== undefined) return 'out';
    return nowMs - this.#refusedMs < enterEveryMs ? 'refused' : 'entering';
  }

  #measure(nowMs: number, passedMs: number, workMs: number, own: ShownShip | undefined): void {
    this.#intervals = [...this.#intervals, passedMs].slice(-framesKept);
    this.#work = [...this.#work, workMs].slice(-framesKept);
    if (nowMs - this.#figuresMs < figuresEveryMs) return;
    const ticksPerSecond = Math.round((10_000 * this.#ticks) / (nowMs - this.#figuresMs)) / 10;
    this.#ticks = 0;
    this.#figuresMs = nowMs;
    const { corrections, ownCorrections } = this.#smoothing;
    this.#onFigures({
      framesPerSecond: Math.round(1_000 / at(this.#intervals, 0.5)),
      workMs: at(this.#work, 0.95),
      corrections,
      ownCorrections,
      ticksPerSecond,
      health: own?.row.health ?? 0,
      place: own === undefined ? this.#absence(nowMs) : 'flying',
    });
  }
}

/** Towards the nearest other that a shot can reach. */
function nearestOther(own: ShownShip, ships: readonly ShownShip[]): Point | undefined {
  let nearest: Point | undefined;
  let best = shotRange;
  for (const other of ships) {
    const distance = Math.hypot(other.x - own.x, other.y - own.y);
    if (other.isOwn || distance >= best) continue;
    best = distance;
    nearest = { x: other.x - own.x, y: other.y - own.y };
  }
  return nearest && unit(nearest.x, nearest.y);
}

/** Of the angle between two directions of length 1. */
function cosine(a: Point, b: Point): number {
  return a.x * b.x + a.y * b.y;
}

function at(values: readonly number[], share: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? 0;
}
