/**
 * The engine: a module's tables over SQLite, and the means to run its reducers on them. The same class serves the
 * authority, a browser's worker, a bot and a test.
 *
 * Law: between calls there is no open transaction, and the stores hold exactly what the applied changes and committed
 * executions made of them.
 */

import { assert } from '../assert.ts';
import { type Call, databaseClientId } from '../commit/call.ts';
import type { Key, Row, RowChange } from '../commit/row-change.ts';
import { ForerunError } from '../errors.ts';
import type { AuthCtx } from '../module/context.ts';
import type { ModuleDefinition, ReducerDefinition, TableDefinition } from '../module/definition.ts';
import { Identity } from '../value/identity.ts';
import { Database, type Statement } from './database.ts';
import { type ContextBase, type Execution, ReducerContext, runReducer } from './execute.ts';
import { guarded, unguarded } from '#guard';
import { ReadSet } from './read-set.ts';
import { readOnlyDb } from './read-only.ts';
import { type RowShape, rowShape } from './row-shape.ts';
import { scanTable } from './scan.ts';
import type { SqlValue } from './sql-value.ts';
import { tableAccess } from './table-access.ts';
import { type StoreLimits, TableStore } from './table-store.ts';
import { Transaction, Unpredictable } from './transaction.ts';

export interface EngineOptions {
  readonly definition: ModuleDefinition;
  /** Where autoInc values come from; asked once per value, while a call runs. */
  readonly ids: IdSource;
  /** Record what calls read, so that they can be replayed only when they must. */
  readonly recordReads?: boolean;
  /** Raise errors for what a reducer must not use. Costs about a microsecond a call. */
  readonly guard?: boolean;
  /** False for tables whose rows this replica never gets; reducers that touch them can't be predicted. */
  readonly replicates?: (table: TableDefinition) => boolean;
  readonly databaseIdentity?: Identity;
  readonly senderAuth?: (call: Call) => AuthCtx;
  /** Of the authority, for reducers with `predict: false`. */
  readonly secret?: string;
  /** Throws `limit-reached` when the running call has had its time or its rows. Asked every 256 operations and rows. */
  readonly checkBudget?: (changedRows: number) => void;
  /** A database file to start from. */
  readonly image?: Uint8Array;
  /** Nothing of a row that is gone is in an export. */
  readonly overwritesDeleted?: boolean;
  readonly limits?: StoreLimits;
}

export interface IdSource {
  readonly next: (table: TableDefinition, column: number, call: Call) => bigint;
}

const operationsPerBudgetCheck = 256;

export class Engine {
  /** By tableId. */
  readonly stores: readonly TableStore[];
  readonly #database: Database;
  readonly #options: EngineOptions;
  /** What contexts share: of calls that a client may predict, and of those it must not foresee. */
  readonly #foreseeable: ContextBase;
  readonly #secret: ContextBase;
  #definition: ModuleDefinition;
  #transaction: Transaction | undefined;
  #call: Call | undefined;
  #operations = 0;
  /** Tables that are in no definition: what views have for their viewers. Ids are never given twice. */
  readonly #added = new Map<number, TableStore>();
  #nextTableId: number;
  /** What views see as `ctx.db`, once there is one. */
  #readOnlyDb: object | undefined;
  #checkReadBudget: ((changedRows: number) => void) | undefined;

  private constructor(database: Database, options: EngineOptions) {
    this.#definition = options.definition;
    this.#database = database;
    this.#options = options;
    this.stores = options.definition.tables.map((table) => new TableStore(database, rowShape(table), options.limits));
    this.#nextTableId = this.stores.length;
    const scope = {
      transaction: () => this.#openTransaction(),
      charge: (transaction: Transaction, rows: number) => this.#charge(transaction, rows),
      nextId: (table: TableDefinition, column: number) => this.#nextId(table, column),
      checkReplicated: (table: TableDefinition, transaction: Transaction) => this.#checkReplicated(table, transaction),
    };
    const accessors = this.stores
      .filter(({ shape }) => shape.table.view === undefined)
      .map((store) => [store.shape.table.accessor, tableAccess(store, scope)] as const);
    this.#foreseeable = {
      db: Object.freeze(Object.fromEntries(accessors)),
      databaseIdentity: options.databaseIdentity ?? Identity.zero(),
      senderAuth: options.senderAuth ?? (() => internalAuth),
      secret: undefined,
    };
    this.#secret = { ...this.#foreseeable, secret: options.secret ?? '' };
  }

  static async open(options: EngineOptions): Promise<Engine> {
    const { image, overwritesDeleted = false } = options;
    const database = await Database.open({ overwritesDeleted, ...(image !== undefined && { image }) });
    return new Engine(database, options);
  }

  get definition(): ModuleDefinition {
    return this.#definition;
  }

  /** Runs this definition's reducers from here on: other code for the same tables and arguments. */
  adopt(definition: ModuleDefinition): void {
    assert(definition.hash === this.#definition.hash, 'only code of the same shape takes over rows as they are');
    assert(this.#transaction === undefined, 'code changes between calls');
    this.#definition = definition;
  }

  /** Of which database the rows are, once that is known. */
  identify(databaseIdentity: Identity): void {
    this.#foreseeable.databaseIdentity = databaseIdentity;
    this.#secret.databaseIdentity = databaseIdentity;
  }

  get databaseIdentity(): Identity {
    return this.#foreseeable.databaseIdentity;
  }

  /** The reducer that is running at this moment, which only what it calls can ask. */
  get runningReducer(): string | undefined {
    return this.#call === undefined ? undefined : this.#definition.reducers[this.#call.reducerId]?.name;
  }

  shape(tableId: number): RowShape {
    return this.store(tableId).shape;
  }

  store(tableId: number): TableStore {
    const store = this.stores[tableId] ?? this.#added.get(tableId);
    if (store === undefined)
      throw new ForerunError('frame-invalid', `There is no table number ${tableId} in this module.`);
    return store;
  }

  /**
   * Runs a call; its changes are in the stores when the result says `committed`. `reducer` is given where it is none of the
   * module's.
   */
  execute(call: Call, reducer: ReducerDefinition | undefined = this.#definition.reducers[call.reducerId]): Execution {
    assert(this.#transaction === undefined, 'one call runs at a time');
    if (reducer === undefined) {
      return {
        type: 'rejected',
        rejection: { code: 'reducer-unknown', message: `There is no reducer number ${call.reducerId}.` },
        cause: undefined,
        reads: this.#options.recordReads === true ? new ReadSet() : undefined,
      };
    }
    const transaction = new Transaction(this.stores, this.#options.recordReads === true);
    this.#transaction = transaction;
    this.#call = call;
    this.#operations = 0;
    try {
      const isForeseeable = reducer.predict && call.clientId !== databaseClientId;
      const context = new ReducerContext(call, isForeseeable ? this.#foreseeable : this.#secret, transaction.reads);
      if (this.#options.guard !== true) return runReducer(reducer, context, call.args, transaction);
      return guarded(() => runReducer(reducer, context, call.args, transaction));
    } finally {
      this.#transaction = undefined;
      this.#call = undefined;
    }
  }

  /** Sets rows as a commit says; gives the changes with the `before` found here, leaving out what changed nothing. */
  apply(changes: readonly RowChange[]): RowChange[] {
    const applied: RowChange[] = [];
    for (const { tableId, key, after } of changes) {
      const store = this.store(tableId);
      if (store.shape.table.event) {
        applied.push({ tableId, key, before: undefined, after });
        continue;
      }
      const before = store.write(key, after);
      if (before === after || (before !== undefined && after !== undefined && store.shape.equals(before, after)))
        continue;
      applied.push({ tableId, key, before, after });
    }
    return applied;
  }

  /** Takes changes of this engine back, the last one first. */
  rollBack(changes: readonly RowChange[]): void {
    for (let i = changes.length - 1; i >= 0; i--) {
      const { tableId, key, before } = changes[i] as RowChange;
      this.set(tableId, key, before);
    }
  }

  /** Sets one row, or removes it. Rows of event tables are kept nowhere. */
  set(tableId: number, key: Key, row: Row | undefined): void {
    const store = this.store(tableId);
    if (!store.shape.table.event) store.write(key, row);
  }

  /** A copy of a row, or undefined. */
  row(tableId: number, key: Key): Row | undefined {
    const store = this.store(tableId);
    const row = store.read(key);
    return row === undefined ? undefined : store.shape.copy(row);
  }

  /** Every row of a table by primary key; ours, so not to be changed. */
  rows(tableId: number): Row[] {
    return scanTable(this.store(tableId));
  }

  equal(tableId: number, a: Row, b: Row): boolean {
    return this.store(tableId).shape.equals(a, b);
  }

  /** Prepares SQL for reading. All tables are brought up to date in SQLite each time before `flush`ed reads. */
  query(sql: string): Statement {
    this.flush();
    return this.#database.prepareOnce(sql);
  }

  /** Beside its own, with nothing in it; whoever asks for it closes it. */
  anotherDatabase(): Database {
    return this.#database.another();
  }

  /** Makes SQLite hold every row. */
  flush(): void {
    for (const store of this.stores) store.flush();
    for (const store of this.#added.values()) store.flush();
  }

  /** One more table of this shape, beside the definition's. It has no rows, whatever had this name in SQL before. */
  addTable(like: RowShape, name: string): TableStore {
    const tableId = this.#nextTableId++;
    // Compiling the shape anew would take milliseconds.
    const table = { ...like.table, tableId, name, wireTableId: like.table.tableId };
    const store = new TableStore(this.#database, { ...like, table }, this.#options.limits);
    this.#added.set(tableId, store);
    return store;
  }

  /** Forgets its rows. SQLite keeps an empty table, for the next one of this name. */
  removeTable(tableId: number): void {
    this.#added.get(tableId)?.reset();
    this.#added.delete(tableId);
  }

  /** Runs what only reads, such as a view, and says what it has read, also when it throws. */
  read<T>(run: (db: object) => T, checkBudget: (changedRows: number) => void): { result: () => T; reads: ReadSet } {
    assert(this.#transaction === undefined, 'a view runs between calls');
    this.#readOnlyDb ??= readOnlyDb(this.#foreseeable.db, this.#definition.tables);
    const db = this.#readOnlyDb;
    const transaction = new Transaction(this.stores, true);
    const reads = transaction.reads ?? new ReadSet();
    this.#transaction = transaction;
    this.#checkReadBudget = checkBudget;
    this.#operations = 0;
    try {
      const result = this.#options.guard === true ? guarded(() => run(db)) : run(db);
      if (transaction.refusal !== undefined) throw transaction.refusal;
      return { result: () => result, reads };
    } catch (error) {
      return {
        result: () => {
          throw error;
        },
        reads,
      };
    } finally {
      this.#transaction = undefined;
      this.#checkReadBudget = undefined;
    }
  }

  select(sql: string, params: readonly SqlValue[] = []): { columns: string[]; rows: SqlValue[][] } {
    const statement = this.query(sql);
    try {
      return { rows: statement.all(params), columns: statement.columnNames() };
    } finally {
      statement.free();
    }
  }

  /** Calls back with each row of SQL of our own making, read as doubles or exactly as `needsExact` says. */
  eachRow(
    { sql, params }: { readonly sql: string; readonly params: readonly SqlValue[] },
    needsExact: (row: readonly SqlValue[]) => boolean,
    visit: (row: readonly SqlValue[]) => void,
  ): void {
    const statement = this.query(sql);
    try {
      for (const row of statement.rows(params, needsExact)) visit(row);
    } finally {
      statement.free();
    }
  }

  /** The whole database as a SQLite file. */
  export(): Uint8Array {
    assert(this.#transaction === undefined, 'no export while a call runs');
    this.flush();
    return this.#database.export();
  }

  /** Forgets all rows. */
  reset(): void {
    for (const store of this.stores) store.reset();
  }

  close(): void {
    this.#database.close();
  }

  #openTransaction(): Transaction {
    const transaction = this.#transaction;
    if (transaction === undefined) {
      throw new ForerunError(
        'reducer-async',
        'ctx.db can be used only while its reducer runs: not in what goes on after an await, and do not keep it for later.',
      );
    }
    if (++this.#operations % operationsPerBudgetCheck === 0) this.#checkBudget(transaction);
    return transaction;
  }

  /** One operation has read or written so many rows. */
  #charge(transaction: Transaction, rows: number): void {
    const checks = Math.floor(this.#operations / operationsPerBudgetCheck);
    this.#operations += rows;
    if (Math.floor(this.#operations / operationsPerBudgetCheck) > checks) this.#checkBudget(transaction);
  }

  #checkBudget(transaction: Transaction): void {
    try {
      // It looks at the clock, which the reducer may not.
      unguarded(() => (this.#checkReadBudget ?? this.#options.checkBudget)?.(transaction.size));
    } catch (error) {
      // A reducer that catches it is refused all the same.
      transaction.refusal ??= error;
      throw error;
    }
  }

  #nextId(table: TableDefinition, column: number): bigint {
    assert(this.#call !== undefined, 'an id is asked for while a call runs');
    return this.#options.ids.next(table, column, this.#call);
  }

  #checkReplicated(table: TableDefinition, transaction: Transaction): void {
    if (this.#options.replicates?.(table) !== false) return;
    transaction.unpredictable ??= new Unpredictable(
      `It uses the table '${table.accessor}', whose rows this client does not have.`,
    );
    throw transaction.unpredictable;
  }
}

const internalAuth: AuthCtx = { isInternal: true, hasJWT: false, jwt: null };
