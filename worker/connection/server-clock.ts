/**
 * An estimate of the authority's clock, good enough that proposed timestamps are accepted as they are.
 *
 * Each answer to a ping places the authority's time within half a round trip; the quickest of the recent answers is the
 * most exact (Cristian, 1989). Answers grow stale, so that drift is followed.
 */

import type { Clock } from '../../core/environment.ts';

interface Sample {
  readonly offsetMicros: number;
  readonly uncertaintyMs: number;
  /** Half the round trip; unknown for a welcome. */
  readonly transitMs: number | undefined;
  readonly atMs: number;
}

const samplesMax = 16;
/** How much less exact a sample becomes by age: 100 ppm of drift and more. */
const driftMsPerMs = 0.0005;

export class ServerClock {
  readonly #clock: Clock;
  readonly #samples: Sample[] = [];
  #lastMicros = 0;
  #lastArrivalMicros = 0;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** The authority said that it was `authorityMicros`, `roundTripMs` after it was asked. */
  learn(authorityMicros: number, roundTripMs: number): void {
    const atMs = this.#clock.monotonicMs();
    // A welcome carries no round trip; any ping is better than it.
    const uncertaintyMs = roundTripMs > 0 ? roundTripMs / 2 : 1_000;
    this.#samples.push({
      offsetMicros: authorityMicros + (roundTripMs / 2) * 1000 - atMs * 1000,
      uncertaintyMs,
      transitMs: roundTripMs > 0 ? roundTripMs / 2 : undefined,
      atMs,
    });
    if (this.#samples.length > samplesMax) this.#samples.shift();
  }

  /** Microseconds since the epoch as the authority would say now; never the same or an earlier one twice. */
  nowMicros(): number {
    const best = this.#best();
    const micros = Math.floor(
      best === undefined ? this.#clock.now() * 1000 : this.#clock.monotonicMs() * 1000 + best.offsetMicros,
    );
    this.#lastMicros = Math.max(micros, this.#lastMicros + 1);
    return this.#lastMicros;
  }

  /**
   * The authority's time when something that is sent now arrives there: what a call proposes as its time, so that the
   * authority finds it close to its own however long the way is.
   */
  arrivalMicros(): number {
    const transitMs = this.#samples.findLast((sample) => sample.transitMs !== undefined)?.transitMs ?? 0;
    this.#lastArrivalMicros = Math.max(this.nowMicros() + Math.floor(transitMs * 1000), this.#lastArrivalMicros + 1);
    return this.#lastArrivalMicros;
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
