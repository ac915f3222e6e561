/**
 * Read and write sets of many calls, turned round: from a row change to the calls that it touches, at a cost that does
 * not grow with the number of calls it doesn't touch.
 *
 * Law: `touchedBy(change)` is every added call whose read set sees the change or whose write set has its key; a fast way
 * to ask each of them.
 */

import type { CallId } from '../../core/commit/call.ts';
import type { Key, Row, RowChange } from '../../core/commit/row-change.ts';
import { inRange, type KeyRange, type ReadSet } from '../../core/engine/read-set.ts';
import type { Prediction } from './pending.ts';

/** Equality ranges over one set of index columns: found by the values, without a look at each range. */
interface EqualityGroup {
  readonly fields: readonly { readonly field: string; readonly keyOf: (value: unknown) => Key }[];
  readonly calls: Map<string, Set<CallId>>;
}

interface TableSets {
  /** Calls that read a key by itself, or wrote it. */
  readonly byKey: Map<Key, Set<CallId>>;
  readonly writersByKey: Map<Key, Set<CallId>>;
  readonly writers: Set<CallId>;
  readonly scans: Set<CallId>;
  readonly counts: Set<CallId>;
  readonly equality: Map<string, EqualityGroup>;
  readonly ranges: Map<CallId, KeyRange[]>;
}

export class SetIndex {
  readonly #tables = new Map<number, TableSets>();

  add(callId: CallId, prediction: Prediction): void {
    this.#each(prediction, {
      key: (table, key) => addTo(table.byKey, key, callId),
      write: (table, key) => {
        table.writers.add(callId);
        addTo(table.writersByKey, key, callId);
      },
      scan: (table) => table.scans.add(callId),
      count: (table) => table.counts.add(callId),
      range: (table, range) => this.#addRange(table, range, callId),
    });
  }

  remove(callId: CallId, prediction: Prediction): void {
    this.#each(prediction, {
      key: (table, key) => removeFrom(table.byKey, key, callId),
      write: (table, key) => {
        table.writers.delete(callId);
        removeFrom(table.writersByKey, key, callId);
      },
      scan: (table) => table.scans.delete(callId),
      count: (table) => table.counts.delete(callId),
      range: (table, range) => {
        if (!isEquality(range)) table.ranges.delete(callId);
        else removeFrom(groupOf(table, range).calls, equalityKey(range.equal), callId);
      },
    });
  }

  /** Without `byKey`, only by ranges, scans and counts. */
  touchedBy(change: RowChange, byKey: boolean): Set<CallId> {
    const touched = new Set<CallId>();
    const table = this.#tables.get(change.tableId);
    if (table === undefined) return touched;
    if (byKey) addAll(touched, table.byKey.get(change.key));
    addAll(touched, table.scans);
    if ((change.before === undefined) !== (change.after === undefined)) addAll(touched, table.counts);
    for (const row of [change.before, change.after]) {
      if (row === undefined) continue;
      for (const group of table.equality.values()) addAll(touched, group.calls.get(equalityKey(rowValues(group, row))));
      for (const [callId, ranges] of table.ranges) if (ranges.some((range) => inRange(range, row))) touched.add(callId);
    }
    return touched;
  }

  writersOf(tableId: number, key: Key): Iterable<CallId> {
    return this.#tables.get(tableId)?.writersByKey.get(key) ?? [];
  }

  /** Calls that may have written what these reads looked at: by key for point reads, by table for the rest. */
  writersIn(reads: ReadSet): Set<CallId> {
    const writers = new Set<CallId>();
    for (const [tableId, keys] of reads.points) for (const key of keys) addAll(writers, this.writersOf(tableId, key));
    for (const tableId of [...reads.scans, ...reads.counts, ...reads.ranges.keys()])
      addAll(writers, this.#tables.get(tableId)?.writers);
    return writers;
  }

  #addRange(table: TableSets, range: KeyRange, callId: CallId): void {
    if (isEquality(range)) {
      addTo(groupOf(table, range).calls, equalityKey(range.equal), callId);
      return;
    }
    const ranges = table.ranges.get(callId);
    if (ranges === undefined) table.ranges.set(callId, [range]);
    else ranges.push(range);
  }

  #each(prediction: Prediction, visit: SetVisitor): void {
    const { reads } = prediction;
    if (reads === undefined) return;
    if (prediction.type === 'predicted') {
      for (const { tableId, key } of prediction.changes) {
        visit.key(this.#table(tableId), key);
        visit.write(this.#table(tableId), key);
      }
    }
    for (const [tableId, keys] of reads.points) for (const key of keys) visit.key(this.#table(tableId), key);
    for (const tableId of reads.scans) visit.scan(this.#table(tableId));
    for (const tableId of reads.counts) visit.count(this.#table(tableId));
    for (const [tableId, ranges] of reads.ranges) for (const range of ranges) visit.range(this.#table(tableId), range);
  }

  #table(tableId: number): TableSets {
    let table = this.#tables.get(tableId);
    if (table === undefined) {
      table = {
        byKey: new Map(),
        writersByKey: new Map(),
        writers: new Set(),
        scans: new Set(),
        counts: new Set(),
        equality: new Map(),
        ranges: new Map(),
      };
      this.#tables.set(tableId, table);
    }
    return table;
  }
}

interface SetVisitor {
  readonly key: (table: TableSets, key: Key) => void;
  readonly write: (table: TableSets, key: Key) => void;
  readonly scan: (table: TableSets) => void;
  readonly count: (table: TableSets) => void;
  readonly range: (table: TableSets, range: KeyRange) => void;
}

function isEquality({ equal, from, to }: KeyRange): boolean {
  return equal.length > 0 && from === undefined && to === undefined;
}

function groupOf(table: TableSets, { index, equal }: KeyRange): EqualityGroup {
  const fields = index.parts.slice(0, equal.length);
  const name = fields.map(({ field }) => field).join('\0');
  let group = table.equality.get(name);
  if (group === undefined) table.equality.set(name, (group = { fields, calls: new Map() }));
  return group;
}

function rowValues({ fields }: EqualityGroup, row: Row): Key[] {
  return fields.map(({ field, keyOf }) => keyOf(row[field]));
}

/** Distinct for distinct lists of keys: each is led by its type and length. */
function equalityKey(keys: readonly Key[]): string {
  return keys.map((key) => `${typeof key}${String(key).length}:${String(key)}`).join('');
}

function addTo<K>(map: Map<K, Set<CallId>>, key: K, callId: CallId): void {
  const calls = map.get(key);
  if (calls === undefined) map.set(key, new Set([callId]));
  else calls.add(callId);
}

function removeFrom<K>(map: Map<K, Set<CallId>>, key: K, callId: CallId): void {
  const calls = map.get(key);
  if (calls === undefined) return;
  calls.delete(callId);
  if (calls.size === 0) map.delete(key);
}

function addAll(into: Set<CallId>, calls: Iterable<CallId> | undefined): void {
  if (calls !== undefined) for (const callId of calls) into.add(callId);
}
