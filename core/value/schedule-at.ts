/** When a scheduled reducer runs: once at a time, or again and again at an interval. SpacetimeDB's shape. */

import { TimeDuration } from './time-duration.ts';
import { Timestamp } from './timestamp.ts';

export type ScheduleAt = Interval | Time;

/** Runs, waits, and runs again, until its row is deleted. */
export interface Interval {
  readonly tag: 'Interval';
  readonly value: TimeDuration;
}

/** Runs once at this time, or at once when it has passed. */
export interface Time {
  readonly tag: 'Time';
  readonly value: Timestamp;
}

export const ScheduleAt: {
  /** Microseconds between runs. Throws `args-invalid` beyond 64 bits. */
  readonly interval: (micros: bigint) => ScheduleAt;
  /** Microseconds since the Unix epoch: `someTimestamp.microsSinceUnixEpoch + 5_000_000n`. Throws `args-invalid`. */
  readonly time: (microsSinceUnixEpoch: bigint) => ScheduleAt;
} = {
  interval: (micros) => ({ tag: 'Interval', value: new TimeDuration(micros) }),
  time: (microsSinceUnixEpoch) => ({ tag: 'Time', value: new Timestamp(microsSinceUnixEpoch) }),
};
