/**
 * How long a reducer may run and how much it may change. It is asked from within the engine's own operations, so a call
 * that does nothing but compute is not stopped; one that is stopped is rolled back like any that throws.
 *
 * The clock is looked at for the first time at the first check, after 256 operations: most calls never get there.
 */

import type { Clock } from '../environment.ts';
import { ForerunError } from '../errors.ts';
import { limits } from '../limits.ts';

export interface CallLimits {
  readonly callMsMax: number;
  readonly callRowsMax: number;
}

export class CallBudget {
  readonly #clock: Clock;
  readonly #limits: CallLimits;
  #startedMs: number | undefined;

  constructor(clock: Clock, given: Partial<CallLimits> = {}) {
    this.#clock = clock;
    this.#limits = { ...limits, ...given };
  }

  begin(): void {
    this.#startedMs = undefined;
  }

  /** Throws `limit-reached`. */
  check(changedRows: number): void {
    const { callMsMax, callRowsMax } = this.#limits;
    if (changedRows > callRowsMax) {
      throw new ForerunError(
        'limit-reached',
        `The reducer changed more than ${callRowsMax} rows in one call (callRowsMax). Do it in several calls, for example from a scheduled table.`,
      );
    }
    const nowMs = this.#clock.monotonicMs();
    this.#startedMs ??= nowMs;
    if (nowMs - this.#startedMs <= callMsMax) return;
    throw new ForerunError(
      'limit-reached',
      `The reducer ran for more than ${callMsMax} ms (callMsMax), while every other call waited. Do less in one call, or look rows up by an index.`,
    );
  }
}

export function tooManyBytes(): ForerunError {
  return new ForerunError(
    'limit-reached',
    `The rows that the reducer changed take more than ${limits.callBytesMax} bytes (callBytesMax). Do it in several calls.`,
  );
}
