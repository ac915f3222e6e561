/**
 * The time of a call. The client proposes its estimate of the authority's time, so that rows which store
 * `ctx.timestamp` are predicted exactly; the authority takes it when it is plausible.
 *
 * Law: the times of one client's calls never go back. The order of the database is `seq`, not time.
 */

import type { ClientRecord } from './clients.ts';

export function admit(
  client: ClientRecord,
  proposedMicros: number,
  nowMicros: number,
  toleranceMicros: number,
): number {
  const isPlausible = Number.isSafeInteger(proposedMicros) && Math.abs(proposedMicros - nowMicros) <= toleranceMicros;
  const timestampMicros = Math.max(isPlausible ? proposedMicros : nowMicros, client.lastTimestampMicros);
  client.lastTimestampMicros = timestampMicros;
  return timestampMicros;
}
