/**
 * Whether two runs of a call did the same: its prediction and the authority's outcome, or its prediction before and after a
 * replay.
 *
 * Law: what is the same here leaves the same rows, so that the one can stand for the other without touching them.
 */

import type { Outcome } from '../../core/commit/call.ts';
import type { Commit } from '../../core/commit/commit.ts';
import type { RowChange } from '../../core/commit/row-change.ts';
import type { PendingCall, Prediction } from './pending.ts';

/** What it must know of rows. */
export interface RowComparison {
  readonly equal: (tableId: number, a: RowChange['after'], b: RowChange['after']) => boolean;
  /** What the authority says here of such a change, if anything: rows outside the subscriptions it doesn't tell of. */
  readonly told: (change: RowChange) => RowChange | undefined;
}

export function isAsPredicted(
  call: PendingCall,
  outcome: Outcome,
  commit: Commit | undefined,
  rows: RowComparison,
): boolean {
  const { prediction } = call;
  switch (outcome.type) {
    case 'rejected':
      return prediction.type !== 'predicted' || prediction.changes.length === 0;
    case 'unchanged':
    case 'committed':
      // What comes without changes did none, or none to rows that are replicated here.
      return prediction.type === 'predicted' && sameChanges(prediction.changes, commit?.changes ?? [], rows);
  }
}

/**
 * Whether nothing that this client is told of the outcome speaks against the prediction. Its rows may be others all the
 * same: those that were predicted outside the subscriptions have no place here once the call is confirmed.
 */
export function isAsPredictedHere(
  { prediction }: PendingCall,
  outcome: Outcome,
  commit: Commit | undefined,
  rows: RowComparison,
): boolean {
  if (outcome.type === 'rejected' || prediction.type !== 'predicted') return false;
  const told = prediction.changes.flatMap((change) => rows.told(change) ?? []);
  return sameChanges(told, commit?.changes ?? [], rows);
}

export function samePrediction(a: Prediction, b: Prediction, rows: RowComparison): boolean {
  if (a.type === 'predicted') return b.type === 'predicted' && sameChanges(a.changes, b.changes, rows);
  if (a.type === 'failing')
    return b.type === 'failing' && a.rejection.code === b.rejection.code && a.rejection.message === b.rejection.message;
  return b.type === 'unpredicted';
}

/** The same keys set to equal rows, in any order. */
function sameChanges(a: readonly RowChange[], b: readonly RowChange[], rows: RowComparison): boolean {
  if (a.length !== b.length) return false;
  return a.every((change, i) => {
    const inPlace = b[i];
    const other =
      inPlace !== undefined && isSameKey(change, inPlace) ? inPlace : b.find((each) => isSameKey(change, each));
    return other !== undefined && rows.equal(change.tableId, change.after, other.after);
  });
}

export function isSameKey(a: RowChange, b: RowChange): boolean {
  return a.tableId === b.tableId && a.key === b.key;
}
