/**
 * The time of a call. The client proposes its estimate of the authority's time, so that rows which store
 * `ctx.timestamp` are predicted exactly; the authority takes it when it is plausible.
 *
 * Law: the times of one client's calls never go back, and of those that come late, made offline say, each is later than the
 * one before: rows that are sorted by them stay in the order in which they were made. The order of the database is `seq`, not time.
 */

import type { ClientRecord } from './clients.ts';

/** Unless the authority is told otherwise. */
export const timestampToleranceMs = 250;

export function admit(
  client: ClientRecord,
  proposedMicros: number,
  nowMicros: number,
  toleranceMicros: number,
): number {
  const isPlausible = isTime(proposedMicros) && Math.abs(proposedMicros - nowMicros) <= toleranceMicros;
  const timestampMicros = isPlausible
    ? Math.max(proposedMicros, client.lastTimestampMicros)
    : Math.max(nowMicros, client.lastTimestampMicros + 1);
  client.lastTimestampMicros = timestampMicros;
  return timestampMicros;
}

/** Microseconds since the Unix epoch, as a call may have them. */
export function isTime(micros: number): boolean {
  return Number.isSafeInteger(micros) && micros >= 0;
}
