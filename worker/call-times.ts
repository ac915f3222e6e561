/** What the authority made of the times that calls of this client have proposed: how the client learns that its clock is wrong. */

import type { Commit } from '../core/commit/commit.ts';
import type { Connection } from './connection/connection.ts';
import type { PendingCalls } from './predict/pending.ts';

export function learnTimes(commits: readonly Commit[], pending: PendingCalls, connection: Connection): void {
  for (const { ownCallId, timestampMicros } of commits) {
    const own = ownCallId === undefined ? undefined : pending.get(ownCallId);
    if (own !== undefined) connection.given(own.call.proposedMicros, timestampMicros);
  }
}
