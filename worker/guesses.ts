/**
 * Which of the calls that wait are guesses: those that read what may lie outside the client's subscriptions, and those that
 * read what such a guess has written.
 *
 * Law: `#written` holds the rows that guesses have written and whose calls wait for their answer. A call is held against
 * those of the calls before it alone.
 */

import type { Call, CallId } from '../core/commit/call.ts';
import type { Key, RowChange } from '../core/commit/row-change.ts';
import type { Engine } from '../core/engine/engine.ts';
import type { ReadSet } from '../core/engine/read-set.ts';
import type { Coverage } from './coverage.ts';
import type { PendingCall } from './predict/pending.ts';

/** The calls that have written a row, or rows of a table. */
type Writers = Set<CallId>;

export class Guesses {
  readonly #coverage: Coverage;
  readonly #engine: Engine;
  readonly #written = new Map<number, { readonly calls: Writers; readonly rows: Map<Key, Writers> }>();
  readonly #changes = new Map<CallId, readonly RowChange[]>();

  constructor(coverage: Coverage, engine: Engine) {
    this.#coverage = coverage;
    this.#engine = engine;
  }

  /** Why what the call did when it last ran is a guess; undefined when it isn't. */
  of({ call, prediction }: Pick<PendingCall, 'call' | 'prediction'>): string | undefined {
    this.forget(call.callId);
    if (prediction.type === 'unpredicted') return undefined;
    const changes = prediction.type === 'predicted' ? prediction.changes : [];
    const guess =
      this.#coverage.guess(this.#engine, call, prediction.reads, changes) ?? this.#afterGuess(call, prediction.reads);
    if (guess !== undefined && changes.length > 0) this.#note(call.callId, changes);
    return guess;
  }

  /** It has been answered, or discarded. */
  forget(callId: CallId): void {
    const changes = this.#changes.get(callId);
    if (changes === undefined) return;
    this.#changes.delete(callId);
    for (const { tableId, key } of changes) {
      const written = this.#written.get(tableId);
      const writers = written?.rows.get(key);
      writers?.delete(callId);
      if (writers?.size === 0) written?.rows.delete(key);
      written?.calls.delete(callId);
    }
  }

  #note(callId: CallId, changes: readonly RowChange[]): void {
    this.#changes.set(callId, changes);
    for (const { tableId, key } of changes) {
      let written = this.#written.get(tableId);
      if (written === undefined) this.#written.set(tableId, (written = { calls: new Set(), rows: new Map() }));
      written.calls.add(callId);
      const writers = written.rows.get(key);
      if (writers === undefined) written.rows.set(key, new Set([callId]));
      else writers.add(callId);
    }
  }

  #afterGuess({ callId }: Call, reads: ReadSet): string | undefined {
    if (this.#changes.size === 0) return undefined;
    for (const [i, key] of reads.pointKeys.entries()) {
      const tableId = reads.pointTables[i] as number;
      if (isBefore(this.#written.get(tableId)?.rows.get(key), callId))
        return this.#reason(tableId, `the row ${String(key)}`);
    }
    for (const tableId of [...reads.ranges.map((each) => each.tableId), ...reads.scans, ...reads.counts])
      if (isBefore(this.#written.get(tableId)?.calls, callId)) return this.#reason(tableId, 'rows');
    return undefined;
  }

  #reason(tableId: number, what: string): string {
    return `It reads ${what} of '${this.#engine.shape(tableId).table.accessor}', written by a call before it that is a guess.`;
  }
}

/** Mostly the first of them is: they were added in order. */
function isBefore(writers: Writers | undefined, callId: CallId): boolean {
  for (const each of writers ?? []) if (each < callId) return true;
  return false;
}
