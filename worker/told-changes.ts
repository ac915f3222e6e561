/** What pages are told of predictions and rows: in short, rows as text, as many and as much of each as fits a message. */

import type { Row, RowChange } from '../core/commit/row-change.ts';
import type { Engine } from '../core/engine/engine.ts';
import type { OutcomeSummary, PredictionSummary, ToldChange } from './client/host-api.ts';
import type { Prediction } from './predict/pending.ts';

/** Rows of one call. */
export const changesMax = 20;
/** Calls of one message whose rows are told: with thousands, writing them out would take longer than running the calls. */
export const outcomesWithRowsMax = 200;
const textMax = 500;

export function summary(prediction: Prediction, guess?: string): PredictionSummary {
  const marked = guess === undefined ? {} : { guess };
  if (prediction.type === 'predicted') return { type: 'predicted', changedRows: prediction.changes.length, ...marked };
  if (prediction.type === 'failing') return { type: 'failing', rejection: prediction.rejection, ...marked };
  return { type: 'unpredicted', reason: prediction.reason };
}

/** With what it does: one outcome can be told from another by it. */
export function outcomeSummary(
  engine: Engine,
  prediction: Prediction,
  rowsMax: number,
  guess?: string,
): OutcomeSummary {
  const changes = prediction.type === 'predicted' ? prediction.changes : [];
  return { ...summary(prediction, guess), changes: toldChanges(engine, changes.slice(0, rowsMax)) };
}

function toldChanges(engine: Engine, changes: readonly RowChange[]): ToldChange[] {
  return changes.map(({ tableId, key, before, after }) => ({
    table: engine.shape(tableId).table.accessor,
    key: String(key),
    before: toldRow(before),
    after: toldRow(after),
  }));
}

export function toldRow(row: Row | undefined): string | undefined {
  if (row === undefined) return undefined;
  return JSON.stringify(row, (_, value: unknown) => (typeof value === 'bigint' ? `${value}n` : value)).slice(
    0,
    textMax,
  );
}
