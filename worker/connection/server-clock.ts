/**
 * An estimate of the authority's clock, good enough that proposed timestamps are accepted as they are.
 *
 * Each answer to a ping places the authority's time within half a round trip; the quickest of the recent answers is the
 * most exact (Cristian, 1989). Answers grow stale, so that drift is followed. Clocks also step, either side's, and stand
 * still while a machine sleeps: what a newer answer contradicts is dropped, and what the authority made of a proposal
 * tells at once that something is amiss.
 *
 * Law: proposals ascend, but for those that were too far ahead to be taken: after them it goes on from the times that the
 * authority gave instead, and never proposes one that is not later than those.
 */

import { timestampToleranceMs } from '../../core/authority/admission.ts';
import type { Epoch } from '../../core/commit/call.ts';
import type { Clock } from '../../core/environment.ts';
import type { WelcomeMessage } from '../../core/protocol/messages.ts';

type Greeting = Pick<WelcomeMessage, 'authorityMicros' | 'epoch'>;

interface Sample {
  readonly offsetMicros: number;
  readonly uncertaintyMs: number;
  /** Half the round trip. */
  readonly transitMs: number;
  readonly atMs: number;
}

const samplesMax = 16;
/** How much less exact a sample becomes by age: 100 ppm of drift and more. */
const driftMsPerMs = 0.0005;
/** As coarse as the clocks of browsers may be, and more. */
const grainMs = 20;
/** A wall clock and a monotonic one that have moved apart by so much: one has stepped, or the other stood still. */
const apartMsMax = 1_000;
/** Of a greeting's round trip as much is taken for the way; the rest, for what the authority had to do. */
const greetingMsMax = 1_000;

export class ServerClock {
  readonly #clock: Clock;
  #samples: Sample[] = [];
  #proposedMicros: number;
  /** The last time that the authority is known to have given a call of this client. */
  #givenMicros = 0;
  #epoch: Epoch | undefined;
  /** The newest answer counts for more than those before it. */
  #isDoubted = false;
  /** Wall clock minus monotonic clock, as of the last answer. */
  #apartMs: number | undefined;

  /** `proposedMicros` is the last time that was proposed at an earlier start. */
  constructor(clock: Clock, proposedMicros = 0) {
    this.#clock = clock;
    this.#proposedMicros = proposedMicros;
  }

  /** The authority said that it was `authorityMicros`, at some time within the `roundTripMs` up to now. */
  learn(authorityMicros: number, roundTripMs: number): void {
    this.#add(authorityMicros, roundTripMs / 2, roundTripMs / 2);
  }

  /** As `learn`, where the authority had more to do than to answer. */
  greeted({ authorityMicros, epoch }: Greeting, roundTripMs: number): void {
    // Another database has given no call a time.
    if (epoch !== this.#epoch) this.#givenMicros = 0;
    this.#epoch = epoch;
    // It may be another machine than before.
    this.#isDoubted = true;
    this.#add(authorityMicros, Math.min(roundTripMs, greetingMsMax) / 2, roundTripMs);
    this.#isDoubted = true;
  }

  /** What the authority gave a call for a time, that had proposed another one perhaps. */
  given(proposedMicros: number, givenMicros: number): void {
    this.#givenMicros = Math.max(this.#givenMicros, givenMicros);
    if (proposedMicros !== givenMicros) this.#isDoubted = true;
  }

  /** The estimate is worth little: an answer is wanted. */
  get isDoubted(): boolean {
    if (this.#apartMs !== undefined && Math.abs(this.#apart() - this.#apartMs) > apartMsMax) this.#isDoubted = true;
    return this.#isDoubted;
  }

  /**
   * The authority's time when something that is sent now arrives there: what a call proposes as its time, so that the
   * authority finds it close to its own however long the way is.
   */
  arrivalMicros(): number {
    const transitMs = this.#samples.at(-1)?.transitMs ?? 0;
    const estimate = Math.floor(this.#nowMicros() + transitMs * 1000);
    // A time that was beyond the tolerance has not been given to any call, if there is something to measure it by.
    const isAscending = this.#samples.length === 0 || this.#proposedMicros <= estimate + timestampToleranceMs * 1000;
    const least = Math.max(isAscending ? this.#proposedMicros : 0, this.#givenMicros) + 1;
    this.#proposedMicros = Math.max(estimate, least);
    return this.#proposedMicros;
  }

  /** Microseconds since the epoch as the authority would say now. */
  #nowMicros(): number {
    const best = this.#best();
    return best === undefined ? this.#clock.now() * 1000 : this.#clock.monotonicMs() * 1000 + best.offsetMicros;
  }

  #add(authorityMicros: number, transitMs: number, uncertaintyMs: number): void {
    const atMs = this.#clock.monotonicMs();
    const sample = { offsetMicros: authorityMicros + (transitMs - atMs) * 1000, uncertaintyMs, transitMs, atMs };
    this.#samples = this.#samples.filter((earlier) => this.#agree(earlier, sample));
    this.#samples.push(sample);
    if (this.#samples.length > samplesMax) this.#samples.shift();
    this.#isDoubted = false;
    this.#apartMs = this.#apart();
  }

  /** Both may be right. In doubt an earlier one that the newer makes unlikely counts as wrong. */
  #agree(earlier: Sample, newer: Sample): boolean {
    const differenceMs = Math.abs(earlier.offsetMicros - newer.offsetMicros) / 1000;
    const ownMs = this.isDoubted ? 0 : earlier.uncertaintyMs;
    return differenceMs <= newer.uncertaintyMs + ownMs + (newer.atMs - earlier.atMs) * driftMsPerMs + grainMs;
  }

  #apart(): number {
    return this.#clock.now() - this.#clock.monotonicMs();
  }

  #best(): Sample | undefined {
    const nowMs = this.#clock.monotonicMs();
    const badness = (sample: Sample): number => sample.uncertaintyMs + (nowMs - sample.atMs) * driftMsPerMs;
    return this.#samples.reduce<Sample | undefined>(
      (best, sample) => (best === undefined || badness(sample) <= badness(best) ? sample : best),
      undefined,
    );
  }
}
