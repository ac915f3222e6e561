/**
 * What one run of a reducer looked at: single keys, index ranges, whole tables, counts. It answers one question: would
 * this row change have been seen? Phantoms count: a row that enters or leaves a range was not there to be read, and
 * would have been.
 *
 * Law: if no change of a list is seen by a run's read set or hits its write set, running it after those changes does
 * exactly what running it before them did.
 */

import type { Key, Row, RowChange } from '../commit/row-change.ts';
import type { IndexPart } from './index-part.ts';
import type { IndexShape } from './row-shape.ts';

/** Rows whose first `equal.length` index columns are these, and whose next one lies between the bounds. */
export interface KeyRange {
  readonly index: IndexShape;
  readonly equal: readonly Key[];
  readonly from: RangeBound | undefined;
  readonly to: RangeBound | undefined;
}

export interface TableRange {
  readonly tableId: number;
  readonly range: KeyRange;
}

export interface RangeBound {
  readonly key: Key;
  readonly inclusive: boolean;
}

/** A handful of keys is found faster by looking at each than by hashing. */
const linearSearchMax = 12;
const none: readonly never[] = [];

export class ReadSet {
  /** The connection that the call was made on was looked at. */
  connection = false;
  /** Point reads, each once, in the order of the first: the table and the key. A key is here whether or not there was a row. */
  readonly pointTables: number[] = [];
  readonly pointKeys: Key[] = [];
  /** Once there are many. */
  #points: Map<number, Set<Key>> | undefined;
  #ranges: TableRange[] | undefined;
  #scans: readonly number[] = none;
  #counts: readonly number[] = none;

  get ranges(): readonly TableRange[] {
    return this.#ranges ?? none;
  }

  /** Tables read from end to end. */
  get scans(): readonly number[] {
    return this.#scans;
  }

  /** Tables whose number of rows was asked for. */
  get counts(): readonly number[] {
    return this.#counts;
  }

  addPoint(tableId: number, key: Key): void {
    if (this.hasPoint(tableId, key)) return;
    this.pointTables.push(tableId);
    this.pointKeys.push(key);
    if (this.#points !== undefined) this.#index(tableId, key);
    else if (this.pointKeys.length > linearSearchMax) {
      this.#points = new Map();
      for (const [i, each] of this.pointKeys.entries()) this.#index(this.pointTables[i] as number, each);
    }
  }

  addRange(tableId: number, range: KeyRange): void {
    (this.#ranges ??= []).push({ tableId, range });
  }

  addScan(tableId: number): void {
    if (!this.#scans.includes(tableId)) this.#scans = [...this.#scans, tableId];
  }

  addCount(tableId: number): void {
    if (!this.#counts.includes(tableId)) this.#counts = [...this.#counts, tableId];
  }

  hasPoint(tableId: number, key: Key): boolean {
    if (this.#points !== undefined) return this.#points.get(tableId)?.has(key) === true;
    const { pointTables, pointKeys } = this;
    for (let i = 0; i < pointKeys.length; i++) if (pointKeys[i] === key && pointTables[i] === tableId) return true;
    return false;
  }

  sees(change: RowChange): boolean {
    const { tableId, key, before, after } = change;
    if (this.#scans.includes(tableId) || this.hasPoint(tableId, key)) return true;
    if (this.#counts.includes(tableId) && (before === undefined) !== (after === undefined)) return true;
    return this.ranges.some(
      ({ tableId: of, range }) =>
        of === tableId &&
        ((before !== undefined && inRange(range, before)) || (after !== undefined && inRange(range, after))),
    );
  }

  #index(tableId: number, key: Key): void {
    const keys = this.#points?.get(tableId);
    if (keys === undefined) this.#points?.set(tableId, new Set([key]));
    else keys.add(key);
  }
}

export function inRange(range: KeyRange, row: Row): boolean {
  const { index, equal, from, to } = range;
  for (let i = 0; i < equal.length; i++) {
    const part = index.parts[i];
    if (part === undefined || part.keyOf(row[part.field]) !== equal[i]) return false;
  }
  const part = index.parts[equal.length];
  if (part === undefined || (from === undefined && to === undefined)) return true;
  return isWithin(part, part.keyOf(row[part.field]), from, to);
}

export function isWithin(part: IndexPart, key: Key, from: RangeBound | undefined, to: RangeBound | undefined): boolean {
  if (from !== undefined) {
    const order = part.compare(key, from.key);
    if (order < 0 || (order === 0 && !from.inclusive)) return false;
  }
  if (to !== undefined) {
    const order = part.compare(key, to.key);
    if (order > 0 || (order === 0 && !to.inclusive)) return false;
  }
  return true;
}
