/**
 * Intervals of one ordered type, and which of them hold a value: in time that grows with the answer and the logarithm of
 * the number of intervals.
 *
 * The intervals lie sorted by their low end in an array that is read as a balanced tree, each node with the highest high
 * end below it (an augmented interval tree, CLRS 14.3). Additions wait in a short list until they are worth a new array;
 * removed intervals stay as holes until then.
 */

import type { Compare } from './compare.ts';

export interface Interval<T> {
  /** Undefined: no bound. */
  readonly low: IntervalEnd | undefined;
  readonly high: IntervalEnd | undefined;
  readonly target: T;
}

export interface IntervalEnd {
  readonly value: unknown;
  readonly inclusive: boolean;
}

interface Node<T> {
  interval: Interval<T> | undefined;
  readonly low: IntervalEnd | undefined;
  readonly ownHigh: IntervalEnd | undefined;
  /** Highest high end of the subtree; undefined when one has none. */
  high: IntervalEnd | undefined;
}

/** A bigint as a number, where that is exact: with numbers a search takes half as long. */
function plain(value: unknown): unknown {
  return typeof value === 'bigint' && value <= 9007199254740991n && value >= -9007199254740991n ? Number(value) : value;
}

function plainEnd(end: IntervalEnd | undefined): IntervalEnd | undefined {
  return end === undefined || typeof end.value !== 'bigint' ? end : { ...end, value: plain(end.value) };
}

const waitingMin = 64;
const lookedPerNode = 8;

export class IntervalIndex<T> {
  readonly #compare: (a: unknown, b: unknown) => number;
  #nodes: Node<T>[] = [];
  #places = new Map<Interval<T>, Node<T>>();
  readonly #waiting = new Set<Interval<T>>();
  #holes = 0;
  /** Waiting intervals that were looked at since the last new array. */
  #looked = 0;

  constructor(compare: Compare) {
    // Every value in here is of the type that `compare` is for.
    this.#compare = compare as (a: unknown, b: unknown) => number;
  }

  get size(): number {
    return this.#places.size + this.#waiting.size;
  }

  add(interval: Interval<T>): void {
    this.#waiting.add(interval);
    if (this.#waiting.size > waitingMin + this.#nodes.length / 8) this.#rebuild();
  }

  remove(interval: Interval<T>): void {
    if (this.#waiting.delete(interval)) return;
    const node = this.#places.get(interval);
    if (node === undefined) return;
    node.interval = undefined;
    this.#places.delete(interval);
    if (++this.#holes > waitingMin + this.#nodes.length / 2) this.#rebuild();
  }

  /** Calls back for each interval that holds the value. */
  find(given: unknown, visit: (target: T) => void): void {
    const value = plain(given);
    // Looking through what waits has cost as much as a new array would.
    this.#looked += this.#waiting.size;
    if (this.#looked > lookedPerNode * (this.#nodes.length + waitingMin)) this.#rebuild();
    for (const interval of this.#waiting) if (this.#holds(interval.low, interval.high, value)) visit(interval.target);
    this.#search(0, this.#nodes.length, value, visit);
  }

  /** The subtree of `[from, to)` has its root in the middle. */
  #search(from: number, to: number, value: unknown, visit: (target: T) => void): void {
    if (from >= to) return;
    const middle = (from + to) >> 1;
    const node = this.#nodes[middle] as Node<T>;
    if (node.high !== undefined && this.#isAbove(value, node.high)) return;
    this.#search(from, middle, value, visit);
    if (node.low !== undefined && this.#isBelow(value, node.low)) return;
    if (node.interval !== undefined && !this.#isAboveOwn(node, value)) visit(node.interval.target);
    this.#search(middle + 1, to, value, visit);
  }

  /** Of a node whose low end is not above the value. */
  #isAboveOwn({ ownHigh }: Node<T>, value: unknown): boolean {
    return ownHigh !== undefined && this.#isAbove(value, ownHigh);
  }

  #holds(low: IntervalEnd | undefined, high: IntervalEnd | undefined, value: unknown): boolean {
    return !(low !== undefined && this.#isBelow(value, low)) && !(high !== undefined && this.#isAbove(value, high));
  }

  #isBelow(value: unknown, low: IntervalEnd): boolean {
    const order = this.#compare(value, low.value);
    return order < 0 || (order === 0 && !low.inclusive);
  }

  #isAbove(value: unknown, high: IntervalEnd): boolean {
    const order = this.#compare(value, high.value);
    return order > 0 || (order === 0 && !high.inclusive);
  }

  #rebuild(): void {
    const intervals = [...this.#places.keys(), ...this.#waiting].sort((a, b) => this.#compareLows(a.low, b.low));
    this.#waiting.clear();
    this.#holes = 0;
    this.#looked = 0;
    this.#nodes = intervals.map((interval) => {
      const high = plainEnd(interval.high);
      return { interval, low: plainEnd(interval.low), ownHigh: high, high };
    });
    this.#places = new Map(intervals.map((interval, i) => [interval, this.#nodes[i] as Node<T>]));
    this.#spreadHighs(0, this.#nodes.length);
  }

  #spreadHighs(from: number, to: number): IntervalEnd | undefined | null {
    if (from >= to) return null;
    const middle = (from + to) >> 1;
    const node = this.#nodes[middle] as Node<T>;
    for (const high of [this.#spreadHighs(from, middle), this.#spreadHighs(middle + 1, to)]) {
      if (high !== null) node.high = this.#higher(node.high, high);
    }
    return node.high;
  }

  #higher(a: IntervalEnd | undefined, b: IntervalEnd | undefined): IntervalEnd | undefined {
    if (a === undefined || b === undefined) return undefined;
    const order = this.#compare(a.value, b.value);
    return order > 0 || (order === 0 && a.inclusive) ? a : b;
  }

  #compareLows(a: IntervalEnd | undefined, b: IntervalEnd | undefined): number {
    if (a === undefined || b === undefined) return Number(a !== undefined) - Number(b !== undefined);
    const order = this.#compare(a.value, b.value);
    return order !== 0 ? order : Number(b.inclusive) - Number(a.inclusive);
  }
}
