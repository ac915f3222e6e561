/**
 * How many calls a connection may make: a bucket of tokens that fills at `callsPerSecondMax`, and a bound on calls that
 * wait for their outcome. Other messages take of the same bucket: they cost the authority time as well.
 *
 * Law: a client that keeps to its own bound, `pendingCallsMax`, may send all of its pending calls again when it connects:
 * the bucket is full enough for that at the start, and for a second's calls from then on.
 */

import { ForerunError } from '../errors.ts';
import type { ClientMessage } from '../protocol/messages.ts';

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

  /** A call. Throws `limit-reached`: the connection is to be ended. */
  take(nowMicros: number): void {
    const { unansweredCallsMax } = this.#limits;
    if (this.#unanswered >= unansweredCallsMax) {
      throw new ForerunError(
        'limit-reached',
        `${unansweredCallsMax} calls of this connection wait for their outcome (unansweredCallsMax). Wait for some before you make more.`,
      );
    }
    this.spend(1, nowMicros);
    this.#unanswered++;
  }

  /** Another message that costs the authority as much as so many calls. Throws like `take`. */
  spend(calls: number, nowMicros: number): void {
    const { callsPerSecondMax } = this.#limits;
    if (nowMicros > this.#filledMicros && this.#tokens < callsPerSecondMax) {
      const filled = this.#tokens + ((nowMicros - this.#filledMicros) / 1e6) * callsPerSecondMax;
      this.#tokens = Math.min(callsPerSecondMax, filled);
    }
    this.#filledMicros = Math.max(this.#filledMicros, nowMicros);
    if (this.#tokens < calls) {
      throw new ForerunError(
        'limit-reached',
        `This connection makes more than ${callsPerSecondMax} calls a second (callsPerSecondMax), or asks as much otherwise. Call less often, or put several changes into one call.`,
      );
    }
    this.#tokens -= calls;
  }

  /** Outcomes have been sent, some perhaps of calls of an earlier connection. */
  answered(count: number): void {
    this.#unanswered = Math.max(0, this.#unanswered - count);
  }
}

/** What a message that is no call costs the authority, in calls. */
export function callsWorth({ type }: Pick<ClientMessage, 'type'>): number {
  return type === 'subscribe' || type === 'unsubscribe' ? 40 : 1;
}
