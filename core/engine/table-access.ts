/**
 * What a reducer sees as `ctx.db.<table>`: SpacetimeDB's table methods over a store and the transaction of the moment.
 *
 * Law: nothing a reducer gets or gives is shared with the store: rows are copied on the way out and checked and copied
 * on the way in, so a reducer may change a row object it was given, and only `insert`, `update` and `delete` count.
 */

import { ForerunError } from '../errors.ts';
import type { Key, Row } from '../commit/row-change.ts';
import { Range } from '../module/range.ts';
import type { TableDefinition } from '../module/definition.ts';
import type { IndexPart } from './index-part.ts';
import type { KeyRange, RangeBound } from './read-set.ts';
import type { IndexShape, RowShape } from './row-shape.ts';
import { scanRange, scanTable } from './scan.ts';
import type { TableStore } from './table-store.ts';
import type { Transaction } from './transaction.ts';

/** What the accessors need of the engine while a reducer runs. */
export interface AccessScope {
  /** The open transaction; throws when no reducer is running. Called once per operation, so it is also where a run's budget is checked. */
  readonly transaction: () => Transaction;
  /** Counts rows that one operation has read or written. */
  readonly charge: (transaction: Transaction, rows: number) => void;
  /** Next value for an autoInc column, never given before. */
  readonly nextId: (table: TableDefinition, column: number) => bigint;
  /** Throws when rows of this table can't be known here. */
  readonly checkReplicated: (table: TableDefinition, transaction: Transaction) => void;
}

/** One object per table, its methods and one object per index, made once per engine. */
export function tableAccess(store: TableStore, scope: AccessScope): Readonly<Record<string, unknown>> {
  const access = new TableAccess(store, scope);
  const members: Record<string, unknown> = {
    insert: (row: unknown) => access.insert(row),
    delete: (row: unknown) => access.delete(row),
    clear: () => access.clear(),
    count: () => access.count(),
    iter: () => access.iter(),
    [Symbol.iterator]: () => access.iter(),
  };
  for (const index of store.shape.indexes) members[index.definition.accessor] = access.index(index);
  return Object.freeze(members);
}

class TableAccess {
  readonly #store: TableStore;
  readonly #scope: AccessScope;
  readonly #shape: RowShape;
  readonly #table: TableDefinition;
  readonly #uniques: readonly IndexShape[];
  readonly #autoInc: readonly number[];

  constructor(store: TableStore, scope: AccessScope) {
    this.#store = store;
    this.#scope = scope;
    this.#shape = store.shape;
    this.#table = store.shape.table;
    this.#uniques = store.shape.indexes.filter(({ definition }) => definition.unique && !definition.primary);
    this.#autoInc = store.shape.table.columns.flatMap((column, i) => (column.autoInc ? [i] : []));
  }

  insert(input: unknown): Row {
    const transaction = this.#open();
    const row = this.#canonical(this.#autoInc.length === 0 ? input : this.#withIds(input));
    const key = this.#shape.keyOf(row);
    if (this.#table.event) return this.#emit(transaction, key, row);
    transaction.reads?.addPoint(this.#table.tableId, key);
    if (this.#store.has(key)) {
      // A table without a primary key is a set of rows: inserting one that is there changes nothing.
      if (this.#table.primaryKey === undefined) return this.#shape.copy(row);
      throw this.#duplicate(this.#shape.keyColumn?.field);
    }
    for (const index of this.#uniques) this.#checkUnique(transaction, index, row, undefined);
    transaction.write(this.#store, key, row);
    return this.#shape.copy(row);
  }

  update(input: unknown): Row {
    const transaction = this.#open();
    const row = this.#canonical(input);
    const key = this.#shape.keyOf(row);
    transaction.reads?.addPoint(this.#table.tableId, key);
    if (this.#table.event) throw this.#missing(key);
    for (const index of this.#uniques) this.#checkUnique(transaction, index, row, key);
    if (transaction.write(this.#store, key, row) === undefined) {
      // A reducer may catch the error and go on, so the row must not stay.
      transaction.write(this.#store, key, undefined);
      throw this.#missing(key);
    }
    return this.#shape.copy(row);
  }

  delete(input: unknown): boolean {
    const transaction = this.#open();
    const row = this.#canonical(input);
    const key = this.#shape.keyOf(row);
    transaction.reads?.addPoint(this.#table.tableId, key);
    const stored = this.#store.read(key);
    if (stored === undefined || !this.#shape.equals(stored, row)) return false;
    transaction.write(this.#store, key, undefined);
    return true;
  }

  clear(): bigint {
    const transaction = this.#open();
    transaction.reads?.addScan(this.#table.tableId);
    const rows = scanTable(this.#store);
    for (const row of rows) transaction.write(this.#store, this.#shape.keyOf(row), undefined);
    this.#scope.charge(transaction, rows.length);
    return BigInt(rows.length);
  }

  count(): bigint {
    this.#open().reads?.addCount(this.#table.tableId);
    return BigInt(this.#store.count);
  }

  iter(): IteratorObject<Row, undefined> {
    const transaction = this.#open();
    transaction.reads?.addScan(this.#table.tableId);
    const rows = scanTable(this.#store);
    this.#scope.charge(transaction, rows.length);
    return this.#copies(rows);
  }

  index(index: IndexShape): Readonly<Record<string, unknown>> {
    const { definition, parts } = index;
    const [part] = parts;
    if (definition.primary && part !== undefined) {
      return Object.freeze({
        find: (value: unknown) => this.#findByKey(part, value),
        delete: (value: unknown) => this.#deleteByKey(part, value),
        update: (row: unknown) => this.update(row),
        ...this.#ranged(index),
      });
    }
    if (definition.unique) {
      return Object.freeze({
        find: (value: unknown) => this.#filter(index, value)[0] ?? null,
        delete: (value: unknown) => this.#deleteWhere(index, value) > 0,
        ...this.#ranged(index),
      });
    }
    return Object.freeze({ ...this.#ranged(index), delete: (value: unknown) => this.#deleteWhere(index, value) });
  }

  #ranged(index: IndexShape): { filter: (value: unknown) => IteratorObject<Row, undefined> } {
    return { filter: (value) => this.#filter(index, value).values() as IteratorObject<Row, undefined> };
  }

  #findByKey(part: IndexPart, value: unknown): Row | null {
    const transaction = this.#open();
    const key = this.#key(part, value);
    transaction.reads?.addPoint(this.#table.tableId, key);
    return this.#store.readCopy(key) ?? null;
  }

  #deleteByKey(part: IndexPart, value: unknown): boolean {
    const transaction = this.#open();
    const key = this.#key(part, value);
    transaction.reads?.addPoint(this.#table.tableId, key);
    return this.#store.has(key) && transaction.write(this.#store, key, undefined) !== undefined;
  }

  #filter(index: IndexShape, value: unknown): Row[] {
    return this.#rows(index, value).map((row) => this.#shape.copy(row));
  }

  #deleteWhere(index: IndexShape, value: unknown): number {
    const rows = this.#rows(index, value);
    const transaction = this.#scope.transaction();
    for (const row of rows) transaction.write(this.#store, this.#shape.keyOf(row), undefined);
    this.#scope.charge(transaction, rows.length);
    return rows.length;
  }

  #rows(index: IndexShape, value: unknown): Row[] {
    const transaction = this.#open();
    const range = this.#range(index, value);
    transaction.reads?.addRange(this.#table.tableId, range);
    const rows = scanRange(this.#store, range);
    this.#scope.charge(transaction, rows.length);
    return rows;
  }

  /** `value`: a value or Range of the first column, or an array of values of the first columns, the last of which may be a Range. */
  #range(index: IndexShape, value: unknown): KeyRange {
    const terms = index.parts.length > 1 && Array.isArray(value) ? value : [value];
    if (terms.length === 0 || terms.length > index.parts.length) {
      throw new ForerunError(
        'args-invalid',
        `${this.#name(index)}: expected 1 to ${index.parts.length} values, got ${terms.length}.`,
      );
    }
    const equal: Key[] = [];
    for (let i = 0; i < terms.length; i++) {
      const part = index.parts[i] as IndexPart;
      const term: unknown = terms[i];
      if (!Range.is(term)) equal.push(this.#key(part, term));
      else if (i < terms.length - 1)
        throw new ForerunError('args-invalid', `${this.#name(index)}: only the last value may be a Range.`);
      else return { index, equal, from: this.#bound(part, term.from), to: this.#bound(part, term.to) };
    }
    return { index, equal, from: undefined, to: undefined };
  }

  #bound(part: IndexPart, bound: Range<unknown>['from']): RangeBound | undefined {
    if (bound.tag === 'unbounded') return undefined;
    return { key: this.#key(part, bound.value), inclusive: bound.tag === 'included' };
  }

  #key(part: IndexPart, value: unknown): Key {
    return part.keyOf(part.canonical(value, part.field));
  }

  #checkUnique(transaction: Transaction, index: IndexShape, row: Row, self: Key | undefined): void {
    const range: KeyRange = {
      index,
      equal: index.parts.map(({ field, keyOf }) => keyOf(row[field])),
      from: undefined,
      to: undefined,
    };
    transaction.reads?.addRange(this.#table.tableId, range);
    for (const other of scanRange(this.#store, range)) {
      if (this.#shape.keyOf(other) !== self) throw this.#duplicate(index.parts.map(({ field }) => field).join(', '));
    }
  }

  /** Events of one call are held against each other, and as in any table an equal row counts once. */
  #emit(transaction: Transaction, key: Key, row: Row): Row {
    const { tableId, primaryKey } = this.#table;
    const isKnown = transaction.wrote(tableId, key);
    if (isKnown && primaryKey !== undefined) throw this.#duplicate(this.#shape.keyColumn?.field);
    for (const { parts } of this.#uniques) {
      const isTaken = transaction
        .emitted(tableId)
        .some((other) => parts.every(({ field, keyOf }) => keyOf(other[field]) === keyOf(row[field])));
      if (isTaken && !isKnown) throw this.#duplicate(parts.map(({ field }) => field).join(', '));
    }
    if (!isKnown) transaction.emit(tableId, key, row);
    return this.#shape.copy(row);
  }

  /** Fills autoInc columns that hold 0. */
  #withIds(input: unknown): unknown {
    if (typeof input !== 'object' || input === null) return input;
    const row: Record<string, unknown> = {};
    // One by one, since a row may be an object whose columns are getters of its class.
    for (const { field } of this.#table.columns) row[field] = Reflect.get(input, field);
    for (const position of this.#autoInc) {
      const column = this.#table.columns[position] as TableDefinition['columns'][number];
      const value = row[column.field];
      if (value !== 0 && value !== 0n) continue;
      const id = this.#scope.nextId(this.#table, position);
      row[column.field] = typeof value === 'bigint' ? id : Number(id);
    }
    return row;
  }

  #canonical(row: unknown): Row {
    return this.#shape.canonical(row, this.#table.accessor);
  }

  #open(): Transaction {
    const transaction = this.#scope.transaction();
    this.#scope.checkReplicated(this.#table, transaction);
    return transaction;
  }

  *#copies(rows: Row[]): Generator<Row, undefined> {
    for (const row of rows) yield this.#shape.copy(row);
  }

  #name(index: IndexShape): string {
    return `ctx.db.${this.#table.accessor}.${index.definition.accessor}`;
  }

  #duplicate(columns: string | undefined): ForerunError {
    return new ForerunError(
      'unique-violation',
      `${this.#table.accessor}: there is a row with this ${columns} already.`,
    );
  }

  #missing(key: Key): ForerunError {
    return new ForerunError(
      'row-missing',
      `${this.#table.accessor}: update found no row with the primary key ${String(key)}; insert it instead.`,
    );
  }
}
