/**
 * Ephemeral rows on their way into a replica, in the form that everything else comes in: commits.
 *
 * Law: what an own call did to ephemeral rows becomes part of its commit, so that a prediction is compared with all that
 * the call did. What others did comes as a commit of nobody's, without what is known already: the newest rows of a key
 * are sent to who wrote them as well.
 */

import type { CallId, Seq } from '../core/commit/call.ts';
import type { Commit } from '../core/commit/commit.ts';
import type { Key, Row, RowChange } from '../core/commit/row-change.ts';
import type { BatchMessage, EphemeralMessage } from '../core/protocol/messages.ts';

/** Without a connection for so long, a client no longer shows who else is there. */
export const aloneMs = 3_000;

export class OwnEphemeralChanges {
  readonly #byCall = new Map<CallId, readonly RowChange[]>();

  /** Until the batch comes that has the call's outcome. */
  keep(callId: CallId, changes: readonly RowChange[]): void {
    this.#byCall.set(callId, changes);
  }

  /** The connection is lost: the calls will be answered anew. */
  forget(): void {
    this.#byCall.clear();
  }

  /** The batch with what its calls did to ephemeral rows in their commits, in the order of the calls. */
  complete(batch: BatchMessage): BatchMessage {
    if (this.#byCall.size === 0) return batch;
    const commits: Commit[] = [];
    let next = 0;
    for (const outcome of batch.outcomes) {
      const changes = this.#byCall.get(outcome.callId);
      this.#byCall.delete(outcome.callId);
      const seq = outcome.type === 'committed' ? outcome.seq : undefined;
      while (seq !== undefined && next < batch.commits.length && (batch.commits[next] as Commit).seq < seq)
        commits.push(batch.commits[next++] as Commit);
      const own = batch.commits[next];
      const isOwn = own !== undefined && own.seq === seq;
      if (isOwn) next++;
      if (changes === undefined) {
        if (isOwn) commits.push(own);
      } else if (isOwn) commits.push({ ...own, changes: [...own.changes, ...changes] });
      else commits.push({ ...commitOf(changes, seq ?? batch.lastSeq), ownCallId: outcome.callId });
    }
    return { ...batch, commits: [...commits, ...batch.commits.slice(next)] };
  }
}

/** What others did, as a batch that takes nobody anywhere. */
export function batchOfOthers({ changes }: EphemeralMessage, seq: Seq): BatchMessage {
  return { type: 'batch', lastSeq: seq, outcomes: [], commits: [commitOf(changes, seq)] };
}

/** All rows of the message's complete tables, by key. */
export function completeTables({
  completeTables: tableIds,
  changes,
}: EphemeralMessage): ReadonlyMap<number, ReadonlyMap<Key, Row>> {
  const tables = new Map(tableIds.map((tableId) => [tableId, new Map<Key, Row>()]));
  for (const { tableId, key, after } of changes) if (after !== undefined) tables.get(tableId)?.set(key, after);
  return tables;
}

function commitOf(changes: readonly RowChange[], seq: Seq): Commit {
  return { seq, timestampMicros: 0, ownCallId: undefined, changes };
}
