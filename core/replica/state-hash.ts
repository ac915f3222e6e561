/**
 * A hash of all rows of a table, whatever their order: what two replicas compare to know that they hold the same. It is
 * counted page by page, between which rows go on changing, and kept up to date from then on.
 *
 * Law: once complete, the hash is that of the table's rows as of the last change it was told of, if it was told of every
 * change, in order, and each page was read as of the seq it was given. A row counts when its key lies in a page that has
 * been read; changes of other keys are waited for, since their page will have them.
 */

import { ByteWriter } from '../codec/bytes.ts';
import type { Seq } from '../commit/call.ts';
import type { Key, Row, RowChange } from '../commit/row-change.ts';
import type { RowShape } from '../engine/row-shape.ts';
import type { SqlValue } from '../engine/sql-value.ts';
import { compareText } from '../query/compare.ts';

export interface StateHash {
  readonly rows: number;
  /** 64 bits. */
  readonly sum: bigint;
}

/** Keys from behind `after` up to and with `upTo`; undefined: from the first, to the last. */
interface ReadPage {
  readonly after: SqlValue | undefined;
  readonly upTo: SqlValue | undefined;
  /** Its rows are as of this commit. */
  readonly seq: Seq;
}

const wideIntegers: ReadonlySet<string> = new Set(['i64', 'u64', 'timestamp', 'timeDuration']);

export class TableHash {
  readonly shape: RowShape;
  readonly #writer = new ByteWriter();
  #rows = 0;
  #low = 0;
  #high = 0;
  #last: Key | undefined;
  #isCounted = false;
  /** Pages that may be newer than changes which are still to come. */
  #newPages: ReadPage[] = [];
  #seq = 0;

  constructor(shape: RowShape) {
    this.shape = shape;
  }

  /** Behind this key the next page begins. */
  get lastKey(): Key | undefined {
    return this.#last;
  }

  /** Every page has been read. */
  get isCounted(): boolean {
    return this.#isCounted;
  }

  /** The hash as of this commit; undefined while it is of no one commit. */
  asOf(seq: Seq): StateHash | undefined {
    if (!this.#isCounted || this.#newPages.some((page) => page.seq > seq)) return undefined;
    return { rows: this.#rows, sum: (BigInt(this.#high >>> 0) << 32n) | BigInt(this.#low >>> 0) };
  }

  /** Forgets everything: pages are read from the first one again. */
  restart(): void {
    this.#rows = 0;
    this.#low = 0;
    this.#high = 0;
    this.#last = undefined;
    this.#isCounted = false;
    this.#newPages = [];
  }

  /** Whether a key lies in the next page, if that ends at `upTo`; undefined: at the end of the table. */
  isNext(key: Key, upTo: Key | undefined): boolean {
    const at = this.#place(key);
    if (this.#last !== undefined && compareKeys(at, this.#place(this.#last)) <= 0) return false;
    return upTo === undefined || compareKeys(at, this.#place(upTo)) <= 0;
  }

  /** All rows of the next page, which by SQLite's order of the key ends at `upTo`, as of `seq`. */
  page(rows: readonly Row[], upTo: Key | undefined, seq: Seq): void {
    const after = this.#last === undefined ? undefined : this.#place(this.#last);
    for (const row of rows) this.#count(row, 1);
    this.#last = upTo ?? this.#last;
    this.#isCounted = upTo === undefined;
    if (seq > this.#seq) this.#newPages.push({ after, upTo: upTo === undefined ? undefined : this.#place(upTo), seq });
  }

  /** A row has become another one with commit `seq`. */
  changed({ key, before, after }: RowChange, seq: Seq): void {
    const last = this.#last;
    const at = this.#place(key);
    if (!this.#isCounted && (last === undefined || compareKeys(at, this.#place(last)) > 0)) return;
    for (const page of this.#newPages) if (seq <= page.seq && isIn(page, at)) return;
    if (before !== undefined) this.#count(before, -1);
    if (after !== undefined) this.#count(after, 1);
  }

  /** Every change up to this commit has been told of. */
  reached(seq: Seq): void {
    this.#seq = seq;
    if (this.#newPages.length > 0) this.#newPages = this.#newPages.filter((page) => page.seq > seq);
  }

  /** Where SQLite has it. Integers beyond a double's are bound as text, which SQLite makes integers again. */
  #place(key: Key): SqlValue {
    const value = this.shape.sql.keyToSql(key);
    const isWide = typeof value === 'string' && wideIntegers.has(this.shape.keyColumn?.type.type ?? '');
    return isWide ? BigInt(value) : value;
  }

  #count(row: Row, by: 1 | -1): void {
    this.#rows += by;
    const writer = this.#writer;
    writer.reset();
    this.shape.codec.encode(writer, row);
    const { bytes, offset } = writer;
    let [low, high] = [0x9e3779b9 ^ offset, 0x85ebca6b ^ offset];
    for (let i = 0; i < offset; i++) {
      const byte = bytes[i] as number;
      low = Math.imul(low ^ byte, 0x9e3779b1);
      high = Math.imul(high ^ byte, 0x5f356495);
      high = (high << 13) | (high >>> 19);
    }
    // Adding keeps no order and can be taken back; what it adds up has to be well mixed.
    this.#low = (this.#low + by * mixed(low ^ (high >>> 7))) | 0;
    this.#high = (this.#high + by * mixed(high ^ Math.imul(low, 0xc2b2ae35))) | 0;
  }
}

function mixed(value: number): number {
  let hash = Math.imul(value ^ (value >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return (hash ^ (hash >>> 16)) | 0;
}

function isIn({ after, upTo }: ReadPage, key: SqlValue): boolean {
  return (after === undefined || compareKeys(key, after) > 0) && (upTo === undefined || compareKeys(key, upTo) <= 0);
}

/** As SQLite orders what keys are stored as: numbers, then text, then blobs. */
export function compareKeys(a: SqlValue, b: SqlValue): number {
  const byKind = kindOf(a) - kindOf(b);
  if (byKind !== 0) return byKind;
  if (a instanceof Uint8Array && b instanceof Uint8Array) {
    const length = Math.min(a.length, b.length);
    for (let i = 0; i < length; i++) if (a[i] !== b[i]) return (a[i] as number) - (b[i] as number);
    return a.length - b.length;
  }
  if (typeof a === 'string' && typeof b === 'string') return compareText(a, b);
  return (a as number) < (b as number) ? -1 : (a as number) > (b as number) ? 1 : 0;
}

function kindOf(value: SqlValue): number {
  return typeof value === 'string' ? 1 : typeof value === 'object' ? 2 : 0;
}
