/** The game's loop in a page: what is pressed becomes calls, and every frame shows the rows at this moment's times. */

import type { Client, LiveRows } from 'forerun/client';
import { type Camera, cameraOn, draw, type Scene, type ShownShip } from './draw.ts';
import type { Input } from './input.ts';
import { type Gem, type Pilot, reloadMs, type Ship } from './module.ts';
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
  readonly health: number;
  readonly isOut: boolean;
}

const steerEveryMs = 50;
const figuresEveryMs = 500;
const framesKept = 180;

export class Game {
  readonly #client: Client<typeof arena>;
  readonly #canvas: HTMLCanvasElement;
  readonly #input: Input;
  readonly #ships: LiveRows<Ship>;
  readonly #gems: LiveRows<Gem>;
  readonly #pilots: LiveRows<Pilot>;
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
  #firedMs = 0;
  #eye: Point | undefined;

  constructor(
    client: Client<typeof arena>,
    canvas: HTMLCanvasElement,
    input: Input,
    onFigures: (figures: GameFigures) => void,
  ) {
    this.#client = client;
    this.#canvas = canvas;
    this.#input = input;
    this.#onFigures = onFigures;
    this.#ships = client.live(client.tables.ship);
    this.#gems = client.live(client.tables.gem);
    this.#pilots = client.live(client.tables.pilot);
    this.#frame = requestAnimationFrame((nowMs) => this.#step(nowMs));
  }

  /** Enters the arena. */
  join(name: string): void {
    this.#call(this.#client.reducers.join({ name }));
  }

  close(): void {
    cancelAnimationFrame(this.#frame);
    for (const rows of [this.#ships, this.#gems, this.#pilots]) rows.close();
  }

  #step(nowMs: number): void {
    this.#frame = requestAnimationFrame((next) => this.#step(next));
    const startedMs = performance.now();
    const passedMs = this.#lastMs === 0 ? 16 : nowMs - this.#lastMs;
    this.#lastMs = nowMs;
    const times = this.#timing.at(startedMs);
    if (times === undefined) return;
    const scene = this.#scene(times.ownMs, times.othersMs, passedMs);
    this.#eye = scene.own ?? this.#eye;
    const camera = cameraOn(this.#canvas, this.#eye);
    draw(this.#canvas, scene, camera);
    if (scene.own !== undefined) this.#act(scene.own, scene, camera, times.othersMs, nowMs);
    this.#measure(nowMs, passedMs, performance.now() - startedMs, scene.own);
  }

  #scene(ownMs: number, othersMs: number, passedMs: number): Scene {
    const me = this.#client.status.identity;
    const ownId = this.#pilots.rows.find(({ identity }) => identity.toHexString() === me)?.ship;
    const ships: ShownShip[] = [];
    let own: ShownShip | undefined;
    for (const row of this.#ships.rows) {
      const isOwn = row.id === ownId;
      const timeMs = isOwn ? ownMs : othersMs;
      if (row.outUntilMs > timeMs) continue;
      const shown = { row, timeMs, isOwn, ...this.#smoothing.place(row, timeMs, passedMs, isOwn) };
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
    if (this.#input.isFiring && nowMs - this.#firedMs > reloadMs + 20) {
      const aim = this.#aimed(own, camera) ?? nearestOther(own, scene.ships);
      const direction = aim && unit(aim.x, aim.y);
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
  #aimed(own: ShownShip, camera: Camera): Point | undefined {
    const { pointer } = this.#input;
    if (pointer === undefined) return undefined;
    const x = camera.x + (pointer.x - this.#canvas.clientWidth / 2) / camera.scale;
    const y = camera.y + (pointer.y - this.#canvas.clientHeight / 2) / camera.scale;
    return { x: x - own.x, y: y - own.y };
  }

  /** A refusal needs no words here: the ship is out, or somebody was quicker, and the rows say so. */
  #call(call: ReturnType<Client<typeof arena>['reducers']['join']>): void {
    this.#timing.learn(call, () => performance.now());
  }

  #measure(nowMs: number, passedMs: number, workMs: number, own: ShownShip | undefined): void {
    this.#intervals = [...this.#intervals, passedMs].slice(-framesKept);
    this.#work = [...this.#work, workMs].slice(-framesKept);
    if (nowMs - this.#figuresMs < figuresEveryMs) return;
    this.#figuresMs = nowMs;
    const { corrections, ownCorrections } = this.#smoothing;
    this.#onFigures({
      framesPerSecond: Math.round(1_000 / at(this.#intervals, 0.5)),
      workMs: at(this.#work, 0.95),
      corrections,
      ownCorrections,
      health: own?.row.health ?? 0,
      isOut: own === undefined,
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
  return nearest;
}

function at(values: readonly number[], share: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? 0;
}
