/**
 * What time it is in the arena. There are two answers. A call takes effect when it arrives at the server, so a page shows
 * its own ship at the time at which a call made now would arrive: what is steered is seen at once. Of others it knows
 * what was one way ago, and shows them at a time of which all news has come, a little before that.
 */

import type { CallHandle } from 'forerun/client';

/** Beyond the round trip: news come at the pace of ticks and networks, and movement must not stop for one that is late. */
const marginMs = 90;
const samplesMax = 9;
/** The clock is put right so slowly that nobody sees ships jump. */
const slewPerMs = 0.02;

export class Timing {
  #offsets: number[] = [];
  #roundTrips: number[] = [];
  #offsetMs: number | undefined;
  #lagMs = marginMs;
  #lastMs = 0;

  /** Every call tells the time that it was given, and how long its answer took. */
  learn(call: CallHandle, now: () => number): void {
    const madeMs = now();
    call.predicted.then(
      () => {
        const micros = call.timestamp?.microsSinceUnixEpoch;
        if (micros !== undefined)
          this.#offsets = [...this.#offsets, Number(micros) / 1_000 - madeMs].slice(-samplesMax);
      },
      () => {},
    );
    const answered = (): void => {
      this.#roundTrips = [...this.#roundTrips, now() - madeMs].slice(-samplesMax);
    };
    call.then(answered, answered);
  }

  /** Once a frame. Undefined while nothing is known. */
  at(nowMs: number): { readonly ownMs: number; readonly othersMs: number } | undefined {
    const offsetMs = median(this.#offsets);
    if (offsetMs === undefined) return undefined;
    const most = Math.max(0, nowMs - this.#lastMs) * slewPerMs;
    this.#lastMs = nowMs;
    const before = this.#offsetMs;
    const isFar = before === undefined || Math.abs(offsetMs - before) > 500;
    this.#offsetMs = isFar ? offsetMs : before + clamp(offsetMs - before, most);
    const lagMs = Math.min(2_000, (median(this.#roundTrips) ?? 0) + marginMs);
    this.#lagMs += clamp(lagMs - this.#lagMs, Math.max(most, isFar ? 2_000 : 0));
    const ownMs = nowMs + this.#offsetMs;
    return { ownMs, othersMs: ownMs - this.#lagMs };
  }
}

function clamp(value: number, most: number): number {
  return Math.min(most, Math.max(-most, value));
}

function median(values: readonly number[]): number | undefined {
  return values.toSorted((a, b) => a - b)[values.length >> 1];
}
