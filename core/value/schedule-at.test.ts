import { expect, it } from 'vitest';
import { ScheduleAt } from './schedule-at.ts';
import { TimeDuration } from './time-duration.ts';
import { Timestamp } from './timestamp.ts';

it('a schedule is an interval or a time, in microseconds', () => {
  expect(ScheduleAt.interval(5n)).toStrictEqual({ tag: 'Interval', value: new TimeDuration(5n) });
  expect(ScheduleAt.time(5n)).toStrictEqual({ tag: 'Time', value: new Timestamp(5n) });
});
