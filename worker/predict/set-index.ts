/**
 * Read and write sets of many calls, turned round: from a row change to the calls that it touches, at a cost that does
 * not grow with the number of calls it doesn't touch.
 *
 * Law: `touchedBy(change)` visits every added call, but for suspended ones, whose read set sees the change or whose write
 * set has its key; a fast way to ask each of them. It may visit one more than once.
 */

import type { Key, Row, RowChange } from '../../core/commit/row-change.ts';
import { inRange, type KeyRange, type ReadSet, type TableRange } from '../../core/engine/read-set.ts';
import type { PendingCall, Prediction } from './pending.ts';

/** Most keys are touched by one call, for which a set of its own would be the greater part of the cost. */
type Calls = PendingCall | Set<PendingCall>;

/** Most keys have one writer as well. */
type Writers = PendingCall | OrderedCalls;

/** Calls that are mostly added in the order in which they were made; put in order again when somebody asks for the first. */
class OrderedCalls {
  #calls: Set<PendingCall>;
  #newest: number;
  #isInOrder = true;

  constructor(calls: readonly PendingCall[]) {
    this.#calls = new Set();
    this.#newest = 0;
    for (const call of calls) this.add(call);
  }

  get size(): number {
    return this.#calls.size;
  }

  [Symbol.iterator](): IterableIterator<PendingCall> {
    return this.#calls.values();
  }

  add(call: PendingCall): void {
    const { callId } = call;
    if (callId < this.#newest) this.#isInOrder = false;
    else this.#newest = callId;
    this.#calls.add(call);
  }

  delete(call: PendingCall): void {
    this.#calls.delete(call);
  }

  oldest(): PendingCall | undefined {
    if (!this.#isInOrder) {
      this.#calls = new Set([...this.#calls].sort((a, b) => a.callId - b.callId));
      this.#isInOrder = true;
    }
    for (const call of this.#calls) if (!call.suspended) return call;
    return undefined;
  }
}

/** Equality ranges over one set of index columns: found by the values, without a look at each range. */
interface EqualityGroup {
  readonly fields: readonly { readonly field: string; readonly keyOf: (value: unknown) => Key }[];
  readonly calls: Map<string, Calls>;
}

interface TableSets {
  /** Calls that read a key by itself, or wrote it. */
  readonly byKey: Map<Key, Calls>;
  readonly writersByKey: Map<Key, Writers>;
  readonly writers: Set<PendingCall>;
  readonly scans: Set<PendingCall>;
  readonly counts: Set<PendingCall>;
  readonly equality: Map<string, EqualityGroup>;
  readonly ranges: Map<PendingCall, KeyRange[]>;
}

type Visit = (call: PendingCall) => void;

export class SetIndex {
  readonly #tables: (TableSets | undefined)[] = [];

  /** The sets of `call.indexed`. */
  add(call: PendingCall): void {
    const { reads } = call.indexed;
    if (reads === undefined) return;
    if (call.indexed.type === 'predicted') {
      for (const { tableId, key } of call.indexed.changes) {
        const table = this.#table(tableId);
        addTo(table.byKey, key, call);
        table.writers.add(call);
        addWriter(table.writersByKey, key, call);
      }
    }
    const { pointTables, pointKeys } = reads;
    for (let i = 0; i < pointKeys.length; i++)
      addTo(this.#table(pointTables[i] as number).byKey, pointKeys[i] as Key, call);
    for (const tableId of reads.scans) this.#table(tableId).scans.add(call);
    for (const tableId of reads.counts) this.#table(tableId).counts.add(call);
    for (const { tableId, range } of reads.ranges) addRange(this.#table(tableId), range, call);
  }

  /** The sets of `call.indexed`. */
  remove(call: PendingCall): void {
    const { reads } = call.indexed;
    if (reads === undefined) return;
    if (call.indexed.type === 'predicted') {
      for (const { tableId, key } of call.indexed.changes) {
        const table = this.#table(tableId);
        removeFrom(table.byKey, key, call);
        table.writers.delete(call);
        removeWriter(table.writersByKey, key, call);
      }
    }
    const { pointTables, pointKeys } = reads;
    for (let i = 0; i < pointKeys.length; i++)
      removeFrom(this.#table(pointTables[i] as number).byKey, pointKeys[i] as Key, call);
    for (const tableId of reads.scans) this.#table(tableId).scans.delete(call);
    for (const tableId of reads.counts) this.#table(tableId).counts.delete(call);
    for (const { tableId, range } of reads.ranges) {
      const table = this.#table(tableId);
      table.ranges.delete(call);
      if (isEquality(range)) removeFrom(groupOf(table, range).calls, equalityKey(range.equal), call);
    }
  }

  /** Without `byKey`, only by ranges, scans and counts. */
  touchedBy(change: RowChange, byKey: boolean, visit: Visit): void {
    const table = this.#tables[change.tableId];
    if (table === undefined) return;
    if (byKey) visitAll(table.byKey.get(change.key), visit);
    if (table.scans.size > 0) visitAll(table.scans, visit);
    if (table.counts.size > 0 && (change.before === undefined) !== (change.after === undefined))
      visitAll(table.counts, visit);
    if (table.equality.size === 0 && table.ranges.size === 0) return;
    if (change.before !== undefined) visitRanges(table, change.before, visit);
    if (change.after !== undefined) visitRanges(table, change.after, visit);
  }

  /** Some call may be touched by what a row of this table was, and not by its key alone. */
  asksForBefore(tableId: number): boolean {
    const table = this.#tables[tableId];
    return table !== undefined && (table.counts.size > 0 || table.equality.size > 0 || table.ranges.size > 0);
  }

  /** The first call in place that wrote this key. */
  oldestWriter(tableId: number, key: Key): PendingCall | undefined {
    const writers = this.#tables[tableId]?.writersByKey.get(key);
    if (writers === undefined || writers instanceof OrderedCalls) return writers?.oldest();
    return writers.suspended ? undefined : writers;
  }

  writersOf(tableId: number, key: Key, visit: Visit): void {
    visitAll(this.#tables[tableId]?.writersByKey.get(key), visit);
  }

  /** Calls that may have written what these reads looked at: by key for point reads, by table for the rest. */
  writersIn(reads: ReadSet, visit: Visit): void {
    const { pointTables, pointKeys } = reads;
    for (let i = 0; i < pointKeys.length; i++) this.writersOf(pointTables[i] as number, pointKeys[i] as Key, visit);
    for (const tableId of reads.scans) visitAll(this.#tables[tableId]?.writers, visit);
    for (const tableId of reads.counts) visitAll(this.#tables[tableId]?.writers, visit);
    for (const { tableId } of reads.ranges) visitAll(this.#tables[tableId]?.writers, visit);
  }

  #table(tableId: number): TableSets {
    let table = this.#tables[tableId];
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
      this.#tables[tableId] = table;
    }
    return table;
  }
}

/** Whether two runs of a call looked and wrote at the same places, found in the same order; when in doubt they did not. */
export function sameSets(a: Prediction, b: Prediction): boolean {
  if (a === b) return true;
  if (a.type !== b.type || a.reads === undefined || b.reads === undefined) return false;
  if (a.type === 'predicted' && b.type === 'predicted' && !sameKeys(a.changes, b.changes)) return false;
  const [one, other] = [a.reads, b.reads];
  return (
    one.connection === other.connection &&
    sameList(one.pointTables, other.pointTables) &&
    sameList(one.pointKeys, other.pointKeys) &&
    sameList(one.scans, other.scans) &&
    sameList(one.counts, other.counts) &&
    sameRanges(one.ranges, other.ranges)
  );
}

function sameKeys(a: readonly RowChange[], b: readonly RowChange[]): boolean {
  if (a.length !== b.length) return false;
  for (let i = 0; i < a.length; i++) {
    const [one, other] = [a[i] as RowChange, b[i] as RowChange];
    if (one.tableId !== other.tableId || one.key !== other.key) return false;
  }
  return true;
}

function sameList<T>(a: readonly T[], b: readonly T[]): boolean {
  if (a.length !== b.length) return false;
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return false;
  return true;
}

function sameRanges(a: readonly TableRange[], b: readonly TableRange[]): boolean {
  if (a.length !== b.length) return false;
  return a.every(({ tableId, range }, i) => tableId === b[i]?.tableId && sameRange(range, (b[i] as TableRange).range));
}

function sameRange(a: KeyRange, b: KeyRange): boolean {
  return (
    a.index === b.index &&
    a.equal.length === b.equal.length &&
    a.equal.every((key, i) => key === b.equal[i]) &&
    sameBound(a.from, b.from) &&
    sameBound(a.to, b.to)
  );
}

function sameBound(a: KeyRange['from'], b: KeyRange['from']): boolean {
  return a === b || (a !== undefined && b !== undefined && a.key === b.key && a.inclusive === b.inclusive);
}

function isEquality({ equal, from, to }: KeyRange): boolean {
  return equal.length > 0 && from === undefined && to === undefined;
}

function addRange(table: TableSets, range: KeyRange, call: PendingCall): void {
  if (isEquality(range)) {
    addTo(groupOf(table, range).calls, equalityKey(range.equal), call);
    return;
  }
  const ranges = table.ranges.get(call);
  if (ranges === undefined) table.ranges.set(call, [range]);
  else ranges.push(range);
}

function groupOf(table: TableSets, { index, equal }: KeyRange): EqualityGroup {
  const fields = index.parts.slice(0, equal.length);
  const name = fields.map(({ field }) => field).join('\0');
  let group = table.equality.get(name);
  if (group === undefined) table.equality.set(name, (group = { fields, calls: new Map() }));
  return group;
}

function visitRanges(table: TableSets, row: Row, visit: Visit): void {
  for (const group of table.equality.values()) visitAll(group.calls.get(equalityKey(rowValues(group, row))), visit);
  for (const [call, ranges] of table.ranges)
    if (!call.suspended && ranges.some((range) => inRange(range, row))) visit(call);
}

function rowValues({ fields }: EqualityGroup, row: Row): Key[] {
  return fields.map(({ field, keyOf }) => keyOf(row[field]));
}

/** Distinct for distinct lists of keys: each is led by its type and length. */
function equalityKey(keys: readonly Key[]): string {
  return keys.map((key) => `${typeof key}${String(key).length}:${String(key)}`).join('');
}

function addTo<K>(map: Map<K, Calls>, key: K, call: PendingCall): void {
  const calls = map.get(key);
  if (calls === undefined) map.set(key, call);
  else if (calls instanceof Set) calls.add(call);
  else if (calls !== call) map.set(key, new Set([calls, call]));
}

function removeFrom<K>(map: Map<K, Calls>, key: K, call: PendingCall): void {
  const calls = map.get(key);
  if (calls === call) map.delete(key);
  else if (calls instanceof Set && calls.delete(call) && calls.size === 0) map.delete(key);
}

function addWriter(map: Map<Key, Writers>, key: Key, call: PendingCall): void {
  const writers = map.get(key);
  if (writers === undefined) map.set(key, call);
  else if (writers instanceof OrderedCalls) writers.add(call);
  else if (writers !== call) map.set(key, new OrderedCalls([writers, call]));
}

function removeWriter(map: Map<Key, Writers>, key: Key, call: PendingCall): void {
  const writers = map.get(key);
  if (writers === call) map.delete(key);
  else if (writers instanceof OrderedCalls) {
    writers.delete(call);
    if (writers.size === 0) map.delete(key);
  }
}

function visitAll(calls: Calls | Writers | undefined, visit: Visit): void {
  if (calls === undefined) return;
  if (!(calls instanceof Set || calls instanceof OrderedCalls)) {
    if (!calls.suspended) visit(calls);
    return;
  }
  for (const call of calls) if (!call.suspended) visit(call);
}
