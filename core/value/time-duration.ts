/** A signed length of time in microseconds, within 64 bits. The shape (one field) is SpacetimeDB's. */

import { ForerunError } from '../errors.ts';
import { checkBigInt } from './hex.ts';

const microsPerMilli = 1_000n;
const microsPerSecond = 1_000_000n;
export const microsMin: bigint = -(1n << 63n);
export const microsMax: bigint = (1n << 63n) - 1n;

export class TimeDuration {
  readonly __time_duration_micros__: bigint;

  /** Throws `args-invalid` beyond 64 bits. */
  constructor(micros: bigint) {
    checkBigInt(micros, microsMin, microsMax, 'TimeDuration');
    this.__time_duration_micros__ = micros;
  }

  /** From whole milliseconds. Throws `args-invalid` for a fraction. */
  static fromMillis(millis: number): TimeDuration {
    if (!Number.isInteger(millis)) {
      throw new ForerunError(
        'args-invalid',
        `TimeDuration.fromMillis: expected whole milliseconds, got ${millis}; for finer ones use new TimeDuration(micros)`,
      );
    }
    return new TimeDuration(BigInt(millis) * microsPerMilli);
  }

  get micros(): bigint {
    return this.__time_duration_micros__;
  }

  /** Whole milliseconds, cut off towards zero. */
  get millis(): number {
    return Number(this.__time_duration_micros__ / microsPerMilli);
  }

  /** Seconds with a sign and six decimals: `+1.500000`, `-0.000001`. */
  toString(): string {
    const micros = this.__time_duration_micros__;
    const size = micros < 0n ? -micros : micros;
    const decimals = (size % microsPerSecond).toString().padStart(6, '0');
    return `${micros < 0n ? '-' : '+'}${size / microsPerSecond}.${decimals}`;
  }
}
