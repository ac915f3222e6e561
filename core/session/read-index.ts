/**
 * Who has read what: the read sets of many runs, filed so that a row change finds the runs that would have seen it.
 *
 * Law: `seenBy` finds exactly the readers whose read set `sees` the change; its cost does not grow with readers of
 * other keys, or of other values of an index's first column.
 */

import type { Key, RowChange } from '../commit/row-change.ts';
import type { IndexPart } from '../engine/index-part.ts';
import type { ReadSet } from '../engine/read-set.ts';

interface ColumnReaders<T> {
  readonly part: IndexPart;
  readonly byValue: Map<Key, Set<T>>;
}

interface TableReaders<T> {
  readonly byKey: Map<Key, Set<T>>;
  /** By the first column of the index that a range of equal values was read by. */
  readonly byColumn: Map<string, ColumnReaders<T>>;
  /** Those to be asked about every change of the table. */
  readonly others: Set<T>;
}

export class ReadIndex<T extends object> {
  readonly #tables = new Map<number, TableReaders<T>>();
  readonly #reads = new Map<T, ReadSet>();

  /** What the reader had read before counts no longer. */
  set(reader: T, reads: ReadSet): void {
    this.delete(reader);
    this.#reads.set(reader, reads);
    this.#each(reads, (readers) => readers.add(reader));
  }

  delete(reader: T): void {
    const reads = this.#reads.get(reader);
    if (reads === undefined) return;
    this.#reads.delete(reader);
    this.#each(reads, (readers, drop) => {
      readers.delete(reader);
      if (readers.size === 0) drop();
    });
  }

  seenBy(change: RowChange, report: (reader: T) => void): void {
    const table = this.#tables.get(change.tableId);
    if (table === undefined) return;
    const found = new Set<T>(table.byKey.get(change.key));
    const asked = new Set<T>(table.others);
    for (const { part, byValue } of table.byColumn.values())
      for (const row of [change.before, change.after])
        if (row !== undefined) for (const reader of byValue.get(part.keyOf(row[part.field])) ?? []) asked.add(reader);
    for (const reader of asked) if (this.#reads.get(reader)?.sees(change) === true) found.add(reader);
    for (const reader of found) report(reader);
  }

  #each(reads: ReadSet, visit: (readers: Set<T>, drop: () => void) => void): void {
    for (const [i, key] of reads.pointKeys.entries()) visitAt(this.#table(reads.pointTables[i]).byKey, key, visit);
    for (const tableId of [...reads.scans, ...reads.counts]) visit(this.#table(tableId).others, () => {});
    for (const { tableId, range } of reads.ranges) {
      const { byColumn, others } = this.#table(tableId);
      const [part, value] = [range.index.parts[0], range.equal[0]];
      if (part === undefined || value === undefined) {
        visit(others, () => {});
        continue;
      }
      let column = byColumn.get(part.field);
      if (column === undefined) byColumn.set(part.field, (column = { part, byValue: new Map() }));
      visitAt(column.byValue, value, visit);
    }
  }

  #table(tableId = -1): TableReaders<T> {
    let table = this.#tables.get(tableId);
    if (table === undefined)
      this.#tables.set(tableId, (table = { byKey: new Map(), byColumn: new Map(), others: new Set() }));
    return table;
  }
}

function visitAt<T>(sets: Map<Key, Set<T>>, key: Key, visit: (readers: Set<T>, drop: () => void) => void): void {
  let readers = sets.get(key);
  if (readers === undefined) sets.set(key, (readers = new Set()));
  visit(readers, () => sets.delete(key));
}
