/**
 * Predicted autoInc values: drawn in order from the ranges that the authority has lent to this client, so that they come
 * true (`core/authority/id-lease.ts`).
 *
 * Law: the first value a call draws of a column is its hint, and every later run of the call starts there again. Without
 * a lease the values are stand-ins from the far end of the type, which the authority's answer replaces.
 */

import type { Call } from '../../core/commit/call.ts';
import type { IdSource } from '../../core/engine/engine.ts';
import type { TableDefinition } from '../../core/module/definition.ts';

interface ColumnIds {
  /** Ascending, as they were lent; kept after use, because a replay draws the same values again. */
  readonly ranges: { readonly from: bigint; readonly to: bigint }[];
  /** No call has drawn this value or a later one. */
  next: bigint;
  standIns: bigint;
}

/** Older ranges are dropped; a replay that would need them predicts other values, which the authority's answer replaces. */
const rangesMax = 1_000;

export class ClientIds implements IdSource {
  readonly #columns = new Map<string, ColumnIds>();
  /** Where the run at hand has come to, by column. */
  readonly #cursors = new Map<string, bigint>();

  lend(tableId: number, column: number, from: bigint, to: bigint): void {
    const { ranges } = this.#column(`${tableId}.${column}`);
    ranges.push({ from, to });
    if (ranges.length > rangesMax) ranges.shift();
  }

  /** Values lent by another incarnation of the database are worth nothing. */
  forget(): void {
    this.#columns.clear();
  }

  /** The next draws are of a new run. */
  begin(): void {
    this.#cursors.clear();
  }

  next(table: TableDefinition, column: number, call: Call): bigint {
    const key = `${table.tableId}.${column}`;
    const ids = this.#column(key);
    const id = follow(ids, this.#cursors.get(key) ?? hintOf(call, table.tableId, column) ?? ids.next);
    if (id === undefined) return standInMax(table.columns[column]?.type.type ?? '') - ids.standIns++;
    if (hintOf(call, table.tableId, column) === undefined)
      call.idHints.push({ tableId: table.tableId, column, first: id });
    this.#cursors.set(key, id + 1n);
    if (id >= ids.next) ids.next = id + 1n;
    return id;
  }

  #column(key: string): ColumnIds {
    let ids = this.#columns.get(key);
    if (ids === undefined) this.#columns.set(key, (ids = { ranges: [], next: 0n, standIns: 0n }));
    return ids;
  }
}

/** The first lent value from `cursor` on. */
function follow({ ranges }: ColumnIds, cursor: bigint): bigint | undefined {
  const range = ranges.find(({ to }) => cursor < to);
  if (range === undefined) return undefined;
  return cursor < range.from ? range.from : cursor;
}

function hintOf(call: Call, tableId: number, column: number): bigint | undefined {
  return call.idHints.find((hint) => hint.tableId === tableId && hint.column === column)?.first;
}

function standInMax(type: string): bigint {
  const bits = { i8: 7n, u8: 8n, i16: 15n, u16: 16n, i32: 31n, u32: 32n }[type];
  return (1n << (bits ?? 52n)) - 1n;
}
