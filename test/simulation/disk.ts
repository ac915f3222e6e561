/**
 * Simulated disk with a log on it: appends take time, fail while the disk is full, and a crash loses what had not reached
 * it. It outlives the authorities that write it.
 *
 * Law: `append` resolves after the batch is in `batches`, never before. An authority that has crashed can't write, and
 * is never answered.
 */

import type { Log, LogBatch } from '../../core/commit/log.ts';
import { checkFollows } from '../../core/commit/log.ts';
import { ForerunError } from '../../core/errors.ts';
import type { Random } from './random.ts';
import type { Actor, Timeline } from './timeline.ts';

/** Moments of an append at which an authority may crash. */
export type CrashPoint = 'before append' | 'after append' | 'after answer';

export interface DiskProfile {
  readonly writeMs: number;
  readonly answerMs: number;
}

export class Disk {
  readonly #timeline: Timeline;
  readonly #random: Random;
  readonly #profile: DiskProfile;
  /** What survives. */
  readonly batches: LogBatch[] = [];
  isFull = false;
  failures = 0;
  /** Told at each of these moments, before anything of the next one happens. */
  onPoint: (point: CrashPoint) => void = () => {};

  constructor(timeline: Timeline, random: Random, profile: DiskProfile) {
    this.#timeline = timeline;
    this.#random = random;
    this.#profile = profile;
  }

  get lastSeq(): number {
    const last = this.batches.at(-1);
    return last === undefined ? 0 : last.firstSeq + last.commitCount - 1;
  }

  /** The log as one authority has it open. */
  open(actor: Actor): Log {
    return {
      append: (batch) => new Promise((resolve, reject) => this.#append(actor, batch, resolve, reject)),
      read: (afterBatch) => this.#read(afterBatch),
      extent: () => ({ first: Math.min(1, this.batches.length), last: this.batches.length }),
      close: async () => {},
    };
  }

  async *#read(afterBatch: number): AsyncGenerator<LogBatch> {
    yield* this.batches.slice(afterBatch);
  }

  #append(actor: Actor, batch: LogBatch, resolve: () => void, reject: (error: unknown) => void): void {
    this.#point(actor, 'before append');
    this.#timeline.after(this.#duration(this.#profile.writeMs), () => {
      if (!actor.isAlive) return;
      try {
        checkFollows(batch, this.batches.length);
        if (this.isFull) throw new ForerunError('log-unavailable', 'The simulated disk is full.');
      } catch (error) {
        this.failures++;
        this.#timeline.trace(`batch ${batch.number} failed`);
        reject(error);
        return;
      }
      this.batches.push({ ...batch, bytes: batch.bytes.slice() });
      this.#timeline.trace(`batch ${batch.number} is durable`, batch.bytes);
      this.#point(actor, 'after append');
      this.#timeline.after(this.#duration(this.#profile.answerMs), () => {
        if (!actor.isAlive) return;
        resolve();
        // Behind everything that the answer sets off in this moment.
        this.#timeline.after(0, () => this.#point(actor, 'after answer'));
      });
    });
  }

  #point(actor: Actor, point: CrashPoint): void {
    if (actor.isAlive) this.onPoint(point);
  }

  #duration(meanMs: number): number {
    return meanMs / 2 + this.#random.exponential(meanMs / 2);
  }
}
