/**
 * A part of an ordered set of tuples that is kept while tuples come and go: what of it is shown, and some more at either
 * end. What lies beyond is not held; only how many come before is known. When the margin at an end is used up, the next
 * ones are fetched.
 *
 * Law: the tuples held are those of ranks `#first` up to `#first + length` of the whole set, without a hole, after each
 * `settle`. In between they are those that stayed, and `#isBroken` says when their ranks are lost.
 */

import type { Tuple } from './order.ts';

export interface WindowSource {
  readonly compare: (a: Tuple, b: Tuple) => number;
  /** The tuples by order; from `offset` on, or those behind a tuple, or before it with the nearest first. */
  readonly read: (range: {
    readonly offset?: number;
    readonly limit?: number;
    readonly behind?: Tuple;
    readonly backwards?: boolean;
  }) => Tuple[];
  readonly count: () => number;
}

export interface WindowOptions {
  readonly offset: number;
  readonly limit: number | undefined;
  /** How many are held beyond what is shown. It grows when that turns out too little. */
  readonly margin?: number;
}

/** One tuple came, or without a tuple one went, at this place as it was then. */
export interface Edit {
  readonly place: number;
  readonly tuple: Tuple | undefined;
}

const editsMax = 256;
const marginDefault = 64;
/** To what the margin grows as tuples are fetched again and again. */
const marginMax = 4_096;

export class Window {
  readonly #source: WindowSource;
  readonly #offset: number;
  readonly #limit: number;
  #held: Tuple[] = [];
  /** Rank of the first one held. */
  #first = 0;
  /** Whether nothing comes after the last one held. */
  #isEnd = false;
  #isBroken = true;
  #isWhole = false;
  #margin: number;
  #edits: Edit[] | undefined;

  constructor(source: WindowSource, { offset, limit, margin = marginDefault }: WindowOptions) {
    this.#source = source;
    this.#offset = offset;
    this.#limit = limit ?? Number.POSITIVE_INFINITY;
    this.#margin = margin;
  }

  /** How many are held; for tests of what memory they take. */
  get size(): number {
    return this.#held.length;
  }

  /** Everything may be different now. */
  break(): void {
    this.#isBroken = true;
    this.#edits = undefined;
  }

  /**
   * What was done since the last time, in order, when all that is held is shown; undefined when it is not, or when that
   * is more than a look at the whole would be.
   */
  takeEdits(): readonly Edit[] | undefined {
    const edits = this.#edits;
    const isWhole = this.#offset === 0 && this.#limit === Number.POSITIVE_INFINITY;
    this.#edits = isWhole && !this.#isBroken ? [] : undefined;
    return edits !== undefined && edits.length <= editsMax ? edits : undefined;
  }

  /** Starts with these tuples, sorted, which are all there are; from now on all are held, and none is fetched. */
  startWith(tuples: Tuple[]): void {
    this.#isWhole = true;
    this.#held = tuples;
    this.#first = 0;
    this.#isEnd = true;
    this.#isBroken = false;
  }

  /** Takes out a tuple that is in the set. */
  remove(tuple: Tuple): void {
    if (this.#isBroken) return;
    const held = this.#held;
    if (held.length === 0) {
      this.#first = Math.max(0, this.#first - 1);
      return;
    }
    const place = this.#placeOf(tuple);
    if (place === 0 && this.#first > 0 && this.#source.compare(tuple, held[0] as Tuple) < 0) this.#first--;
    else if (place < held.length && this.#source.compare(tuple, held[place] as Tuple) === 0) {
      held.splice(place, 1);
      this.#edits?.push({ place, tuple: undefined });
      if (held.length === 0 && !this.#isEnd) this.break();
    }
  }

  /** Puts in a tuple that is not in the set. */
  insert(tuple: Tuple): void {
    if (this.#isBroken) return;
    const held = this.#held;
    if (held.length === 0) {
      if (this.#first > 0) return this.break();
      held.push(tuple);
      this.#edits?.push({ place: 0, tuple });
      return;
    }
    const place = this.#placeOf(tuple);
    if (place === 0 && this.#first > 0) this.#first++;
    else if (place < held.length || this.#isEnd) {
      held.splice(place, 0, tuple);
      this.#edits?.push({ place, tuple });
    }
  }

  /** Fetches what is missing, and lets go of what is too much. */
  settle(): void {
    if (this.#isBroken) return this.#start();
    if (this.#first > this.#offset) this.#fetchBefore();
    if (!this.#isEnd && this.#held.length < this.#needed) this.#fetchBehind();
    if (this.#isBroken) return this.#start();
    this.#trim();
  }

  /** What is shown, after `settle`. */
  shown(): readonly Tuple[] {
    const from = this.#offset - this.#first;
    return this.#held.slice(from, from + this.#limit);
  }

  /** How many must be held for all that is shown to be among them. */
  get #needed(): number {
    return this.#offset - this.#first + this.#limit;
  }

  #start(): void {
    this.#first = Math.max(0, this.#offset - this.#margin);
    const wanted = this.#needed + this.#margin;
    this.#held = this.#source.read({ offset: this.#first, ...(Number.isFinite(wanted) && { limit: wanted }) });
    this.#isEnd = this.#held.length < wanted;
    this.#isBroken = false;
    if (this.#held.length === 0 && this.#first > 0) this.#first = this.#source.count();
  }

  #fetchBefore(): void {
    const [first] = this.#held;
    if (first === undefined) return this.break();
    this.#grow();
    const wanted = Math.min(this.#first, this.#first - this.#offset + this.#margin);
    const before = this.#source.read({ behind: first, backwards: true, limit: wanted });
    if (before.length !== wanted) return this.break();
    this.#held = [...before.reverse(), ...this.#held];
    this.#first -= wanted;
  }

  #fetchBehind(): void {
    const last = this.#held.at(-1);
    if (last === undefined) return this.break();
    this.#grow();
    const wanted = this.#needed - this.#held.length + this.#margin;
    const behind = this.#source.read({ behind: last, limit: wanted });
    this.#isEnd = behind.length < wanted;
    this.#held = [...this.#held, ...behind];
  }

  #grow(): void {
    this.#margin = Math.min(this.#margin * 2, marginMax);
  }

  #trim(): void {
    if (this.#isWhole) return;
    const slack = 2 * this.#margin;
    const before = this.#offset - this.#first;
    if (before > slack) {
      const dropped = before - this.#margin;
      this.#held = this.#held.slice(dropped);
      this.#first += dropped;
    }
    const needed = this.#needed;
    if (this.#held.length > needed + slack) {
      this.#held = this.#held.slice(0, needed + this.#margin);
      this.#isEnd = false;
    }
  }

  /** Where the tuple is, or would come. */
  #placeOf(tuple: Tuple): number {
    const held = this.#held;
    const { compare } = this.#source;
    // Most changes are beyond the end of what is held.
    if (held.length > 0 && compare(tuple, held[held.length - 1] as Tuple) > 0) return held.length;
    let low = 0;
    let high = held.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (compare(held[middle] as Tuple, tuple) < 0) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}
