/**
 * Rows of fixed size under small integer keys, as their BSATN bytes in pages: reading decodes, writing encodes.
 *
 * As objects, rows that are replaced at random keep the garbage collector busy (each new row is referenced from old
 * memory) and cost several cache misses each; as bytes they cost none of the first and two of the second. Measured on
 * 100,000 rows `{id: u32, balance: i64}`: two reads and two writes take 0.09 µs here and 1.0 µs in a Map of objects; a
 * million rows take 12 MB instead of 185 (docs/decisions/0006-rows-at-rest-are-bytes.md).
 *
 * Keys that lie too far out for the pages there are go to an `ObjectCache`, so sparse keys cost no memory.
 */

import type { Codec } from '../codec/bsatn.ts';
import { ByteReader, ByteWriter } from '../codec/bytes.ts';
import type { Key, Row } from '../commit/row-change.ts';
import { ObjectCache, type RowCache } from './row-cache.ts';

const pageBits = 10;
const pageRows = 1 << pageBits;
/** Pages reach as far as eight times as many as are in use, and to this many in any case. */
const pagesFree = 64;
const spread = 8;
const keyMax = 2 ** 31 - 1;
/** Rows at hand as objects: a reducer updates what it has just read. A power of two. */
const recentRows = 8;

/** Bits of a slot's state; 0 is an unknown key. */
const known = 1;
const present = 2;
const dirty = 4;

interface Page {
  readonly writer: ByteWriter;
  readonly reader: ByteReader;
  readonly states: Uint8Array;
  /** Known slots. */
  count: number;
}

export class PageCache implements RowCache {
  readonly #codec: Codec<Row>;
  readonly #rowBytes: number;
  readonly #pages: (Page | undefined)[] = [];
  readonly #outliers: ObjectCache;
  #pageCount = 0;
  #count = 0;
  readonly #copy: (row: Row) => Row;
  /** Which index each of them has; each has one place. What is here is what the page has. */
  readonly #recentAt = new Int32Array(recentRows).fill(-1);
  readonly #recentRows: (Row | null)[] = Array.from({ length: recentRows }, () => null);

  /** `codec` encodes every row in the same number of bytes. */
  constructor(codec: Codec<Row>, copy: (row: Row) => Row) {
    this.#codec = codec;
    this.#rowBytes = codec.bytesMin;
    this.#copy = copy;
    this.#outliers = new ObjectCache(copy);
  }

  get size(): number {
    return this.#count + this.#outliers.size;
  }

  get(key: Key): Row | null | undefined {
    const at = indexOf(key);
    const page = this.#pages[at >>> pageBits];
    if (at < 0 || page === undefined) return this.#outliers.get(key);
    return this.#read(page, at);
  }

  getCopy(key: Key): Row | null | undefined {
    const row = this.get(key);
    return row === undefined || row === null ? row : this.#copy(row);
  }

  put(key: Key, row: Row | undefined): boolean {
    const at = indexOf(key);
    const page = this.#pageFor(at);
    if (page === undefined) return this.#outliers.put(key, row);
    const wasDirty = ((page.states[at & (pageRows - 1)] ?? 0) & dirty) !== 0;
    this.#write(page, at, row, dirty);
    return !wasDirty;
  }

  fill(key: Key, row: Row | undefined): void {
    const at = indexOf(key);
    const page = this.#pageFor(at);
    if (page === undefined) this.#outliers.fill(key, row);
    else this.#write(page, at, row, 0);
  }

  clean(key: Key): Row | undefined {
    const at = indexOf(key);
    const page = this.#pages[at >>> pageBits];
    if (at < 0 || page === undefined) return this.#outliers.clean(key);
    const row = this.#read(page, at);
    if (row === null || row === undefined) {
      this.#forgetKey(page, at);
      return undefined;
    }
    page.states[at & (pageRows - 1)] = known | present;
    return row;
  }

  forget(count: number): void {
    const before = this.size;
    for (const [number, page] of this.#pages.entries()) {
      if (before - this.size >= count) return;
      if (page === undefined || page.states.some((state) => (state & dirty) !== 0)) continue;
      this.#count -= page.count;
      this.#pageCount--;
      this.#pages[number] = undefined;
    }
    this.#recentAt.fill(-1);
    this.#outliers.forget(count - (before - this.size));
  }

  clear(): void {
    this.#pages.length = 0;
    this.#pageCount = 0;
    this.#count = 0;
    this.#recentAt.fill(-1);
    this.#outliers.clear();
  }

  #read({ reader, states }: Page, at: number): Row | null | undefined {
    const recent = at & (recentRows - 1);
    if (this.#recentAt[recent] === at) return this.#recentRows[recent];
    const slot = at & (pageRows - 1);
    const state = states[slot] ?? 0;
    if (state === 0) return undefined;
    reader.offset = slot * this.#rowBytes;
    const row = (state & present) === 0 ? null : this.#codec.decode(reader);
    this.#recentAt[recent] = at;
    this.#recentRows[recent] = row;
    return row;
  }

  #write(page: Page, at: number, row: Row | undefined, mark: number): void {
    const { states, writer } = page;
    const slot = at & (pageRows - 1);
    if (states[slot] === 0) {
      page.count++;
      this.#count++;
    }
    if (row === undefined) states[slot] = known | mark;
    else {
      writer.offset = slot * this.#rowBytes;
      this.#codec.encode(writer, row);
      states[slot] = known | present | mark;
    }
    const recent = at & (recentRows - 1);
    this.#recentAt[recent] = at;
    this.#recentRows[recent] = row ?? null;
  }

  #forgetKey(page: Page, at: number): void {
    const slot = at & (pageRows - 1);
    if (page.states[slot] === 0) return;
    page.states[slot] = 0;
    page.count--;
    this.#count--;
    this.#recentAt[at & (recentRows - 1)] = -1;
  }

  /** The page of an index, made when it is near enough; undefined for outliers. */
  #pageFor(at: number): Page | undefined {
    if (at < 0) return undefined;
    const number = at >>> pageBits;
    const page = this.#pages[number];
    if (page !== undefined || number > pagesFree + this.#pageCount * spread) return page;
    return this.#addPage(number);
  }

  #addPage(number: number): Page {
    const writer = new ByteWriter();
    writer.claim(pageRows * this.#rowBytes);
    const page = { writer, reader: new ByteReader(writer.view()), states: new Uint8Array(pageRows), count: 0 };
    this.#pages[number] = page;
    this.#pageCount++;
    this.#adoptOutliers(page, number);
    return page;
  }

  /** Rows of the page that were here before it are moved into it: a key has one place. */
  #adoptOutliers(page: Page, number: number): void {
    if (this.#outliers.size === 0) return;
    this.#outliers.moveOut(
      (key) => {
        const at = indexOf(key);
        return at >= 0 && at >>> pageBits === number;
      },
      (key, row, isDirty) => this.#write(page, indexOf(key), row, isDirty ? dirty : 0),
    );
  }
}

/** Position of a key among the pages; -1 for keys that never lie there. */
function indexOf(key: Key): number {
  const index = typeof key === 'bigint' ? Number(key) : (key as number);
  return index >= 0 && index <= keyMax ? index : -1;
}
