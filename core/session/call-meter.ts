/**
 * How many calls a connection may make: a bucket of tokens that fills at `callsPerSecondMax`, and a bound on calls that
 * wait for their outcome.
 *
 * Law: a client that keeps to its own bound, `pendingCallsMax`, may send all of its pending calls again when it connects:
 * the bucket is full enough for that at the start, and for a second's calls from then on.
 */

import { ForerunError } from '../errors.ts';

export interface CallMeterLimits {
  readonly callsPerSecondMax: number;
  readonly unansweredCallsMax: number;
  /** What a client may have pending, and sends again when it connects. */
  readonly pendingCallsMax: number;
}

export class CallMeter {
  readonly #limits: CallMeterLimits;
  #tokens: number;
  #filledMicros: number;
  #unanswered = 0;

  constructor(meterLimits: CallMeterLimits, nowMicros: number) {
    this.#limits = meterLimits;
    this.#tokens = Math.max(meterLimits.callsPerSecondMax, meterLimits.pendingCallsMax);
    this.#filledMicros = nowMicros;
  }

  /** Throws `limit-reached`: the connection is to be ended. */
  take(nowMicros: number): void {
    const { callsPerSecondMax, unansweredCallsMax } = this.#limits;
    if (nowMicros > this.#filledMicros && this.#tokens < callsPerSecondMax) {
      const filled = this.#tokens + ((nowMicros - this.#filledMicros) / 1e6) * callsPerSecondMax;
      this.#tokens = Math.min(callsPerSecondMax, filled);
    }
    this.#filledMicros = Math.max(this.#filledMicros, nowMicros);
    if (this.#tokens < 1) {
      throw new ForerunError(
        'limit-reached',
        `This connection makes more than ${callsPerSecondMax} calls a second (callsPerSecondMax). Call less often, or put several changes into one call.`,
      );
    }
    if (this.#unanswered >= unansweredCallsMax) {
      throw new ForerunError(
        'limit-reached',
        `${unansweredCallsMax} calls of this connection wait for their outcome (unansweredCallsMax). Wait for some before you make more.`,
      );
    }
    this.#tokens--;
    this.#unanswered++;
  }

  /** Outcomes have been sent, some perhaps of calls of an earlier connection. */
  answered(count: number): void {
    this.#unanswered = Math.max(0, this.#unanswered - count);
  }
}
