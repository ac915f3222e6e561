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

export interface RangeBound {
  readonly key: Key;
  readonly inclusive: boolean;
}

export class ReadSet {
  /** Point reads by table; a key is here whether or not there was a row. */
  readonly points: Map<number, Set<Key>> = new Map();
  readonly ranges: Map<number, KeyRange[]> = new Map();
  /** Tables read from end to end. */
  readonly scans: Set<number> = new Set();
  /** Tables whose number of rows was asked for. */
  readonly counts: Set<number> = new Set();

  addPoint(tableId: number, key: Key): void {
    const keys = this.points.get(tableId);
    if (keys === undefined) this.points.set(tableId, new Set([key]));
    else keys.add(key);
  }

  addRange(tableId: number, range: KeyRange): void {
    const ranges = this.ranges.get(tableId);
    if (ranges === undefined) this.ranges.set(tableId, [range]);
    else ranges.push(range);
  }

  sees(change: RowChange): boolean {
    const { tableId, before, after } = change;
    if (this.scans.has(tableId)) return true;
    if (this.points.get(tableId)?.has(change.key) === true) return true;
    if (this.counts.has(tableId) && (before === undefined) !== (after === undefined)) return true;
    const ranges = this.ranges.get(tableId);
    if (ranges === undefined) return false;
    return ranges.some(
      (range) => (before !== undefined && inRange(range, before)) || (after !== undefined && inRange(range, after)),
    );
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
