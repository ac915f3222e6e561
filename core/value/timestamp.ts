/**
 * A point in time: signed microseconds since the Unix epoch, within 64 bits. The shape (one field) is SpacetimeDB's.
 *
 * There is no `now()`: a reducer's time is `ctx.timestamp`, the same on every replica; elsewhere the time is given by a
 * `Clock`, and a page has `Timestamp.fromDate(new Date())`. A `Date` is used here only as a form of a given instant.
 */

import { ForerunError } from '../errors.ts';
import { checkBigInt } from './hex.ts';
import { microsMax, microsMin, TimeDuration } from './time-duration.ts';

const microsPerMilli = 1_000n;
/** `Date` reaches this far from the epoch to both sides; our 64 bits reach a little further. */
const dateMillisMax = 8_640_000_000_000_000n;

export class Timestamp {
  static readonly UNIX_EPOCH: Timestamp = new Timestamp(0n);

  readonly __timestamp_micros_since_unix_epoch__: bigint;

  /** Throws `args-invalid` beyond 64 bits. */
  constructor(micros: bigint) {
    checkBigInt(micros, microsMin, microsMax, 'Timestamp');
    this.__timestamp_micros_since_unix_epoch__ = micros;
  }

  /** Throws `args-invalid` for an invalid date. */
  static fromDate(date: Date): Timestamp {
    const millis = date.getTime();
    if (Number.isNaN(millis)) throw new ForerunError('args-invalid', 'Timestamp.fromDate: expected a valid date');
    return new Timestamp(BigInt(millis) * microsPerMilli);
  }

  get microsSinceUnixEpoch(): bigint {
    return this.__timestamp_micros_since_unix_epoch__;
  }

  /** Whole milliseconds since the Unix epoch, cut off towards zero. */
  toMillis(): bigint {
    return this.__timestamp_micros_since_unix_epoch__ / microsPerMilli;
  }

  /** To the millisecond, cut off towards zero. Throws `args-invalid` in years that `Date` can't express. */
  toDate(): Date {
    return dateAt(this.toMillis());
  }

  /** ISO 8601 in UTC with six decimals: `2026-02-17T10:30:45.123456Z`. Throws `args-invalid` as `toDate` does. */
  toISOString(): string {
    const micros = this.__timestamp_micros_since_unix_epoch__;
    const microsOfMilli = ((micros % microsPerMilli) + microsPerMilli) % microsPerMilli;
    const toMilli = dateAt((micros - microsOfMilli) / microsPerMilli).toISOString();
    return `${toMilli.slice(0, -1)}${microsOfMilli.toString().padStart(3, '0')}Z`;
  }

  /** The time from `other` to this one; negative when `other` is later. */
  since(other: Timestamp): TimeDuration {
    return new TimeDuration(this.__timestamp_micros_since_unix_epoch__ - other.__timestamp_micros_since_unix_epoch__);
  }
}

function dateAt(millis: bigint): Date {
  if (millis > dateMillisMax || millis < -dateMillisMax) {
    throw new ForerunError('args-invalid', `Timestamp: ${millis} ms since the epoch is beyond what a Date can express`);
  }
  return new Date(Number(millis));
}
