/**
 * The last row of each key that a stretch of the log touches: what the tables in the file have to be told of it.
 *
 * Rows of fixed size under small integer keys stay the bytes that they are in the log, each at its key's place in a page;
 * a stretch of a million changes then costs two copies of a few bytes each, and is in the order of the keys without being
 * sorted. All others are kept as objects.
 *
 * Law: a key is in one of the two, and with its last change.
 */

import { assert } from '../../core/assert.ts';
import type { BatchCursor } from '../../core/authority/record-reader.ts';
import { ByteReader } from '../../core/codec/bytes.ts';
import { layoutOf } from '../../core/codec/layout.ts';
import type { Key, Row } from '../../core/commit/row-change.ts';
import type { IndexPart } from '../../core/engine/index-part.ts';
import type { RowShape } from '../../core/engine/row-shape.ts';
import type { ColumnType } from '../../core/value/column-type.ts';
import type { TableWriter } from './row-tables.ts';

/** What a row costs as an object in a Map, beside what it holds. */
const objectBytes = 200;

export class NetRows {
  readonly #tables = new Map<number, { readonly shape: RowShape; pages: RowPages | undefined; objects: RowObjects }>();
  readonly #shapeOf: (tableId: number) => RowShape;
  #bytes = 0;
  #size = 0;

  constructor(shapeOf: (tableId: number) => RowShape) {
    this.#shapeOf = shapeOf;
  }

  /** Keys, roughly: one that has gone from one form to the other counts twice. */
  get size(): number {
    return this.#size;
  }

  /** Memory that it takes, roughly. */
  get bytes(): number {
    return this.#bytes;
  }

  /** Takes the change that the cursor stands on, of the batch with these bytes. */
  add(cursor: BatchCursor, bytes: Uint8Array): void {
    const { pages, objects } = this.#table(cursor.tableId);
    if (pages !== undefined) {
      const { bytes: bytesBefore, size: sizeBefore } = pages;
      const isTaken = pages.add(bytes, cursor.body, cursor.isDelete);
      this.#bytes += pages.bytes - bytesBefore;
      this.#size += pages.size - sizeBefore;
      if (isTaken) {
        if (objects.size > 0) objects.delete(cursor.change().key);
        return;
      }
    }
    const length = cursor.end - cursor.start;
    const { key, after } = cursor.change();
    if (!objects.has(key)) {
      this.#bytes += objectBytes + length;
      this.#size++;
    }
    objects.set(key, after);
  }

  /**
   * Writes all of them, each table in the order of its keys, so that neighbours share a page. Yields after each few,
   * with the number of rows done.
   */
  *write(writerOf: (tableId: number) => TableWriter | undefined): Generator<number> {
    for (const [tableId, { shape, pages, objects }] of this.#tables) {
      const writer = writerOf(tableId);
      if (writer === undefined) continue;
      if (pages !== undefined) yield* writer.write(pages.rows());
      yield* inRuns(objects, shape.compareKeys, (rows) => writer.write(rows));
    }
  }

  #table(tableId: number): { readonly shape: RowShape; pages: RowPages | undefined; objects: RowObjects } {
    let table = this.#tables.get(tableId);
    if (table === undefined) {
      const shape = this.#shapeOf(tableId);
      table = { shape, pages: RowPages.for(shape), objects: new Map() };
      this.#tables.set(tableId, table);
    }
    return table;
  }
}

type RowObjects = Map<Key, Row | undefined>;
type KeyedRow = readonly [Key, Row | undefined];

const pageBits = 6;
const pageRows = 1 << pageBits;
/** Pages reach as far as eight times as many as are in use, and to this many in any case: sparse keys cost no memory. */
const pagesFree = 1024;
const spread = 8;
/** Pages lie in slabs of so many: an array of its own takes half as much again as a page of small rows. */
const slabPages = 32;
/** Longer rows are copied by a call. */
const loopBytesMax = 48;

const slot = { untouched: 0, present: 1, deleted: 2 } as const;

class RowPages {
  /** What states and rows take. */
  bytes = 0;
  /** Keys. */
  size = 0;
  readonly #slabs: Uint8Array[] = [];
  /** Where the page of each number lies among those of the slabs, from 1 on; 0: there is none. */
  readonly #places: number[] = [];
  /** A state for each slot, then the rows. */
  readonly #pageBytes: number;
  readonly #shape: RowShape;
  readonly #keyColumn: IndexPart;
  readonly #rowBytes: number;
  readonly #keyOffset: number;
  readonly #keyBytes: number;
  readonly #indexAt: (bytes: Uint8Array, at: number) => number;
  #pageCount = 0;

  private constructor(shape: RowShape, keyColumn: IndexPart, indexAt: (bytes: Uint8Array, at: number) => number) {
    this.#shape = shape;
    this.#keyColumn = keyColumn;
    this.#rowBytes = shape.codec.bytesMin;
    this.#pageBytes = pageRows * (1 + this.#rowBytes);
    this.#keyBytes = keyColumn.codec.bytesMin;
    const { columns, primaryKey = 0 } = shape.table;
    this.#keyOffset = columns.slice(0, primaryKey).reduce((sum, { type }) => sum + layoutOf(type).bytesMin, 0);
    this.#indexAt = indexAt;
  }

  /** Undefined for tables whose rows are not of one size, or whose keys are no integers. */
  static for(shape: RowShape): RowPages | undefined {
    const { keyColumn, codec } = shape;
    const indexAt = keyColumn === undefined || !codec.fixed ? undefined : indexReader(keyColumn.type);
    return keyColumn === undefined || indexAt === undefined ? undefined : new RowPages(shape, keyColumn, indexAt);
  }

  /** Takes the row at `body`, or the key of one that was deleted; gives false for a key that lies too far out. */
  add(bytes: Uint8Array, body: number, isDelete: boolean): boolean {
    const index = this.#indexAt(bytes, isDelete ? body : body + this.#keyOffset);
    if (index < 0) return false;
    const place = this.#places[index >>> pageBits] || this.#addPage(index >>> pageBits);
    if (place === 0) return false;
    const slab = this.#slabOf(place);
    const pageAt = this.#offsetOf(place);
    const position = index & (pageRows - 1);
    const at = pageAt + pageRows + position * this.#rowBytes;
    if (slab[pageAt + position] === slot.untouched) this.size++;
    slab[pageAt + position] = isDelete ? slot.deleted : slot.present;
    if (isDelete) copy(bytes, body, slab, at + this.#keyOffset, this.#keyBytes);
    else copy(bytes, body, slab, at, this.#rowBytes);
    return true;
  }

  /** In the order of their keys. */
  *rows(): Generator<KeyedRow> {
    const { codec, keyOf } = this.#shape;
    const key = this.#keyColumn;
    const reader = new ByteReader(new Uint8Array());
    for (const place of this.#places) {
      if (place === 0) continue;
      const slab = this.#slabOf(place);
      const pageAt = this.#offsetOf(place);
      reader.reset(slab);
      for (let position = 0; position < pageRows; position++) {
        const state = slab[pageAt + position];
        if (state === slot.untouched) continue;
        const at = pageAt + pageRows + position * this.#rowBytes;
        reader.offset = slab.byteOffset + at + (state === slot.deleted ? this.#keyOffset : 0);
        if (state === slot.deleted) yield [key.keyOf(key.codec.decode(reader)), undefined];
        else {
          const row = codec.decode(reader);
          yield [keyOf(row), row];
        }
      }
    }
  }

  /** Gives its place, or 0 when it lies too far out. */
  #addPage(number: number): number {
    if (number > pagesFree + this.#pageCount * spread) return 0;
    // So that no element is missing: a list with holes is slower.
    while (this.#places.length < number) this.#places.push(0);
    if (this.#pageCount % slabPages === 0) {
      this.#slabs.push(new Uint8Array(slabPages * this.#pageBytes));
      this.bytes += slabPages * this.#pageBytes;
    }
    return (this.#places[number] = ++this.#pageCount);
  }

  #slabOf(place: number): Uint8Array {
    return this.#slabs[Math.floor((place - 1) / slabPages)] as Uint8Array;
  }

  #offsetOf(place: number): number {
    return ((place - 1) % slabPages) * this.#pageBytes;
  }
}

function copy(from: Uint8Array, fromAt: number, to: Uint8Array, toAt: number, length: number): void {
  if (length > loopBytesMax) to.set(from.subarray(fromAt, fromAt + length), toAt);
  else for (let i = 0; i < length; i++) to[toAt + i] = from[fromAt + i] as number;
}

/** How a key's bytes are read as its place among the pages, -1 for one that has none; undefined for types without order of this kind. */
function indexReader(type: ColumnType): ((bytes: Uint8Array, at: number) => number) | undefined {
  switch (type.type) {
    case 'u8':
      return (bytes, at) => bytes[at] as number;
    case 'u16':
      return (bytes, at) => (bytes[at] as number) | ((bytes[at + 1] as number) << 8);
    case 'i32':
    case 'u32':
      return smallWord;
    case 'i64':
    case 'u64':
    case 'timestamp':
      return (bytes, at) => (smallWord(bytes, at + 4) === 0 ? smallWord(bytes, at) : -1);
    default:
      return undefined;
  }
}

/** -1 from 2^31 up, where signed integers are negative. */
function smallWord(bytes: Uint8Array, at: number): number {
  const word =
    (bytes[at] as number) |
    ((bytes[at + 1] as number) << 8) |
    ((bytes[at + 2] as number) << 16) |
    ((bytes[at + 3] as number) << 24);
  return word < 0 ? -1 : word;
}

/** So many are sorted at a stretch: sorting all at once would keep the log waiting. */
const rowsPerRun = 4096;

/** Hands `write` the rows in the order of their keys, run by run. */
function* inRuns(
  rows: RowObjects,
  compare: (a: Key, b: Key) => number,
  write: (rows: Iterable<KeyedRow>) => Generator<number>,
): Generator<number> {
  const runs: KeyedRow[][] = [];
  let run: KeyedRow[] = [];
  const endRun = (): void => {
    runs.push(run.sort(([a], [b]) => compare(a, b)));
    run = [];
  };
  for (const entry of rows) {
    if (run.push(entry) < rowsPerRun) continue;
    endRun();
    yield 0;
  }
  if (run.length > 0) endRun();
  if (runs.length > 0) yield* write(merged(runs, compare));
}

function* merged(runs: readonly (readonly KeyedRow[])[], compare: (a: Key, b: Key) => number): Generator<KeyedRow> {
  const heads = runs.map((run) => ({ run, at: 0 }));
  while (heads.length > 0) {
    let least = 0;
    for (let i = 1; i < heads.length; i++) if (compare(keyAt(heads[i]), keyAt(heads[least])) < 0) least = i;
    const head = heads[least] as (typeof heads)[number];
    yield head.run[head.at++] as KeyedRow;
    if (head.at === head.run.length) heads.splice(least, 1);
  }
}

function keyAt(head: { readonly run: readonly KeyedRow[]; readonly at: number } | undefined): Key {
  const [key] = head?.run[head.at] ?? [];
  assert(key !== undefined, 'a head stands on a row');
  return key;
}
