/**
 * Simulated time: one queue of everything that is to happen, and actors (an authority, a client) whose clocks, chance and
 * schedulers hang on it.
 *
 * Law: a world's course is a function of its seed. Nothing here reads a real clock; between two entries of the queue all
 * promises settle, so their order is the order of the queue.
 */

import type { Environment } from '../../core/environment.ts';
import type { Random } from './random.ts';

interface Entry {
  readonly atMs: number;
  readonly order: number;
  run: (() => void) | undefined;
}

const traceLinesMax = 400;

export class Timeline {
  nowMs = 0;
  readonly #heap: Entry[] = [];
  readonly #lines: string[] = [];
  #order = 0;
  #hash = 0x811c9dc5;
  #events = 0;

  /** Number of entries that have run. */
  get events(): number {
    return this.#events;
  }

  /** Runs it at that time, after what was put there before; the result cancels it. */
  at(atMs: number, run: () => void): () => void {
    const entry: Entry = { atMs: Math.max(atMs, this.nowMs), order: this.#order++, run };
    push(this.#heap, entry);
    return () => {
      entry.run = undefined;
    };
  }

  after(delayMs: number, run: () => void): () => void {
    return this.at(this.nowMs + delayMs, run);
  }

  /** Resolves at that time. */
  sleep(delayMs: number): Promise<void> {
    return new Promise((resolve) => this.after(delayMs, resolve));
  }

  /** Lets the world go on until `isDone`, which is asked after each entry; gives false when it was not by `untilMs`. */
  async advance(untilMs: number, isDone: () => boolean = () => false): Promise<boolean> {
    for (;;) {
      if (isDone()) return true;
      const first = this.#heap[0];
      if (first === undefined || first.atMs > untilMs) {
        this.nowMs = Math.max(this.nowMs, untilMs);
        return isDone();
      }
      pop(this.#heap);
      if (first.run === undefined) continue;
      this.nowMs = first.atMs;
      this.#events++;
      first.run();
      await settled();
    }
  }

  /** Part of what a run is known by. */
  trace(line: string, bytes?: Uint8Array): void {
    const text = `${this.nowMs.toFixed(3)} ${line}`;
    let hash = this.#hash;
    for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193);
    if (bytes !== undefined) for (const byte of bytes) hash = Math.imul(hash ^ byte, 0x01000193);
    this.#hash = hash;
    if (this.#lines.push(text) > 2 * traceLinesMax) this.#lines.splice(0, traceLinesMax);
  }

  /** Equal for equal courses. */
  get hash(): string {
    return (this.#hash >>> 0).toString(16).padStart(8, '0');
  }

  /** What happened last. */
  get lines(): readonly string[] {
    return this.#lines.slice(-traceLinesMax);
  }
}

export interface ActorOptions {
  readonly timeline: Timeline;
  readonly random: Random;
  /** How far its wall clock is off. */
  readonly skewMs: number;
  /** Its clocks run so much faster than the world's. */
  readonly drift: number;
  /** The longest time its event loop is busy with something else before it comes to what is to be done soon. */
  readonly busyMs: number;
}

/** 2026-01-01 */
const epochMs = 1_767_225_600_000;

/** Something that runs, and can be killed: nothing it had planned happens after that. */
export class Actor {
  readonly environment: Environment;
  #isAlive = true;
  #soonMs = 0;

  constructor({ timeline, random, skewMs, drift, busyMs }: ActorOptions) {
    const elapsedMs = (): number => timeline.nowMs * (1 + drift);
    this.environment = {
      clock: { now: () => epochMs + skewMs + elapsedMs(), monotonicMs: () => 1_000 + elapsedMs() },
      entropy: { fill: (bytes) => random.fill(bytes) },
      scheduler: {
        soon: (task) => {
          const delayMs = busyMs > 0 && random.chance(0.3) ? random.between(0, busyMs) : 0;
          this.#soonMs = Math.max(this.#soonMs, timeline.nowMs + delayMs);
          timeline.at(this.#soonMs, () => this.do(task));
        },
        after: (delayMs, task) => timeline.after(delayMs, () => this.do(task)),
      },
    };
  }

  get isAlive(): boolean {
    return this.#isAlive;
  }

  do(task: () => void): void {
    if (this.#isAlive) task();
  }

  kill(): void {
    this.#isAlive = false;
  }
}

/** Every promise that can settle has, however long the chain. */
function settled(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

function isBefore(a: Entry, b: Entry): boolean {
  return a.atMs < b.atMs || (a.atMs === b.atMs && a.order < b.order);
}

function push(heap: Entry[], entry: Entry): void {
  let at = heap.push(entry) - 1;
  while (at > 0) {
    const parent = (at - 1) >> 1;
    if (!isBefore(entry, heap[parent] as Entry)) break;
    heap[at] = heap[parent] as Entry;
    at = parent;
  }
  heap[at] = entry;
}

function pop(heap: Entry[]): void {
  const last = heap.pop() as Entry;
  if (heap.length === 0) return;
  let at = 0;
  for (;;) {
    let child = 2 * at + 1;
    if (child >= heap.length) break;
    const right = heap[child + 1];
    if (right !== undefined && isBefore(right, heap[child] as Entry)) child++;
    if (!isBefore(heap[child] as Entry, last)) break;
    heap[at] = heap[child] as Entry;
    at = child;
  }
  heap[at] = last;
}
