/**
 * Clients, id leases and open connections in the database file: what a checkpoint keeps beside the rows.
 *
 * Law: they are exactly as of the batch that the file's meta names, so they are only written in the transaction that
 * writes that number. In between, what the log changes about them is collected here, from what the file has, or will
 * have once the changes before these have been written.
 */

import type { DatabaseSync, StatementSync } from 'node:sqlite';
import { AssertionError } from '../../core/assert.ts';
import { noteIds } from '../../core/authority/checkpoint.ts';
import { ClientRecord, type ClientSnapshot, type Settled } from '../../core/authority/clients.ts';
import { IdLeases, type Lease } from '../../core/authority/id-lease.ts';
import type { LogRecord } from '../../core/authority/record.ts';
import type { BatchCursor } from '../../core/authority/record-reader.ts';
import { ByteReader, ByteWriter } from '../../core/codec/bytes.ts';
import { type ClientId, clientIdFromBytes, databaseClientId, idBytes, type Rejection } from '../../core/commit/call.ts';
import { fromOrderedBytes, type SqlValue, toOrderedBytes } from '../../core/engine/sql-value.ts';
import type { TableDefinition } from '../../core/module/definition.ts';
import { Identity } from '../../core/value/identity.ts';
import { rowChecksum } from './checksum.ts';
import { corrupt } from './storage-error.ts';

const tables = {
  _forerun_client:
    '(client_no INTEGER PRIMARY KEY, client_id BLOB NOT NULL, identity BLOB NOT NULL, last_call_id INTEGER NOT NULL, last_timestamp INTEGER NOT NULL, outcomes BLOB NOT NULL, checksum INTEGER NOT NULL)',
  _forerun_lease:
    '(table_name TEXT NOT NULL, column_name TEXT NOT NULL, client_no INTEGER NOT NULL, position INTEGER NOT NULL, from_value TEXT NOT NULL, to_value TEXT NOT NULL, checksum INTEGER NOT NULL, PRIMARY KEY (table_name, column_name, client_no, position)) WITHOUT ROWID',
  _forerun_connection:
    '(connection_id BLOB PRIMARY KEY, identity BLOB NOT NULL, checksum INTEGER NOT NULL) WITHOUT ROWID',
} as const;

/** Behind every position that a stretch of the log writes; the highest of a column's entries counts. */
const migratedPosition = 1_000_000_000;

export function createBookkeeping(db: DatabaseSync): void {
  for (const [name, columns] of Object.entries(tables)) db.exec(`CREATE TABLE ${name} ${columns}`);
}

/** How the rows of one of our tables are read: verified, and without their checksum. */
class Rows {
  readonly #statement: StatementSync;
  readonly #path: string;
  readonly #table: string;

  constructor(db: DatabaseSync, path: string, table: keyof typeof tables, where: string) {
    this.#statement = db.prepare(`SELECT * FROM ${table} ${where}`);
    this.#statement.setReturnArrays(true);
    this.#path = path;
    this.#table = table;
  }

  *read(...params: (string | number)[]): Generator<SqlValue[]> {
    // Arrays, as asked for above; the types know objects only.
    for (const row of this.#statement.iterate(...params) as Iterable<unknown> as Iterable<SqlValue[]>) {
      if (row.pop() !== rowChecksum(row))
        throw corrupt(this.#path, `a row of ${this.#table} does not match its checksum`);
      yield row;
    }
  }
}

export function readClients(db: DatabaseSync, path: string): ClientSnapshot[] {
  return Array.from(new Rows(db, path, '_forerun_client', 'ORDER BY client_no').read(), clientSnapshot);
}

/** Leases of tables and columns that the module no longer has are left out. */
export function readLeases(db: DatabaseSync, path: string, module: readonly TableDefinition[]): Lease[] {
  const leases: Lease[] = [];
  for (const [tableName, columnName, clientNo, , from, to] of new Rows(db, path, '_forerun_lease', '').read()) {
    const table = module.find(({ name }) => name === tableName);
    const column = table?.columns.findIndex(({ name }) => name === columnName) ?? -1;
    if (table === undefined || column < 0) continue;
    leases.push({
      tableId: table.tableId,
      column,
      clientNo: Number(clientNo),
      from: BigInt(String(from)),
      to: BigInt(String(to)),
    });
  }
  return leases;
}

/** The column's next value is at least this one: for a column that counts from now on, on rows that have values already. */
export function putNextValue(db: DatabaseSync, table: string, column: string, next: bigint): void {
  const text = String(next);
  db.prepare('INSERT OR REPLACE INTO _forerun_lease VALUES (?, ?, ?, ?, ?, ?, ?)').run(
    ...withChecksum([table, column, 0, migratedPosition, text, text]),
  );
}

export function readConnections(db: DatabaseSync, path: string): [connectionId: bigint, identity: bigint][] {
  return Array.from(new Rows(db, path, '_forerun_connection', '').read(), ([id, identity]) => [
    fromOrderedBytes(id as Uint8Array, false),
    fromOrderedBytes(identity as Uint8Array, false),
  ]);
}

/** Changes of one stretch of the log, made into what the file is to hold after it. */
export class BookkeepingChanges {
  readonly #db: DatabaseSync;
  readonly #path: string;
  readonly #module: readonly TableDefinition[];
  readonly #hasIds: readonly boolean[];
  readonly #clientRows: Rows;
  readonly #leaseRows: Rows;
  readonly #clients = new Map<number, ClientRecord>();
  readonly #leases = new IdLeases(
    () => {},
    () => 0,
  );
  readonly #holdings = new Map<string, { table: TableDefinition; column: number; clientNo: number }>();
  readonly #connections = new Map<bigint, bigint | undefined>();
  /** Those of the stretch before, until these are written, which is after them. */
  #before: BookkeepingChanges | undefined;

  constructor(db: DatabaseSync, path: string, module: readonly TableDefinition[], before?: BookkeepingChanges) {
    this.#db = db;
    this.#before = before;
    this.#path = path;
    this.#module = module;
    this.#hasIds = module.map(({ columns }) => columns.some(({ autoInc }) => autoInc));
    this.#clientRows = new Rows(db, path, '_forerun_client', 'WHERE client_no = ?');
    this.#leaseRows = new Rows(
      db,
      path,
      '_forerun_lease',
      'WHERE table_name = ? AND column_name = ? AND client_no = ? ORDER BY position',
    );
  }

  /** Entries that will be written. */
  get size(): number {
    return this.#clients.size + this.#holdings.size + this.#connections.size;
  }

  /** Undefined when it is not touched here. */
  client(clientNo: number): ClientRecord | undefined {
    return this.#clients.get(clientNo);
  }

  /** Its outcome; its changes are shown to `noteIds`. */
  commit(record: Pick<BatchCursor, 'clientNo' | 'callId' | 'seq' | 'timestampMicros'>): void {
    this.#client(record.clientNo).settleCommit(record);
    this.#forgetOwnOutcomes(record.clientNo);
  }

  /** The autoInc values of a row that was inserted or updated are lent no longer. */
  noteIds(cursor: BatchCursor): void {
    if (!this.#hasIds[cursor.tableId]) return;
    const table = this.#module[cursor.tableId] as TableDefinition;
    for (const [column, { autoInc }] of table.columns.entries())
      if (autoInc) this.#touchHolding(table, column, cursor.clientNo);
    noteIds(cursor.change(), cursor.clientNo, table, this.#leases);
  }

  /** Any record but a commit. */
  add(record: LogRecord): void {
    switch (record.type) {
      case 'commit':
        throw new AssertionError('commits are added by their parts');
      case 'unchanged':
        this.#client(record.clientNo).settle(record.callId, 0);
        return this.#forgetOwnOutcomes(record.clientNo);
      case 'rejected':
        this.#client(record.clientNo).settle(record.callId, record.rejection);
        return this.#forgetOwnOutcomes(record.clientNo);
      case 'client':
        this.#introduce(record.clientNo, record.clientId, record.identity);
        return;
      case 'lease':
        this.#touchHolding(this.#module[record.tableId] as TableDefinition, record.column, record.clientNo);
        this.#leases.restore(record);
        return;
      case 'connected':
        this.#connections.set(record.connectionId, record.identity);
        return;
      case 'disconnected':
        this.#connections.set(record.connectionId, undefined);
        return;
      case 'acknowledged':
        this.#client(record.clientNo).acknowledge(record.callId);
        return;
    }
  }

  /** In the caller's transaction. */
  write(): void {
    this.#before = undefined;
    const client = this.#db.prepare('INSERT OR REPLACE INTO _forerun_client VALUES (?, ?, ?, ?, ?, ?, ?)');
    for (const record of this.#clients.values()) client.run(...withChecksum(clientRow(record.snapshot())));
    this.#writeLeases();
    const connected = this.#db.prepare('INSERT OR REPLACE INTO _forerun_connection VALUES (?, ?, ?)');
    const disconnected = this.#db.prepare('DELETE FROM _forerun_connection WHERE connection_id = ?');
    for (const [connectionId, identity] of this.#connections) {
      const id = toOrderedBytes(connectionId, 16, false);
      if (identity === undefined) disconnected.run(id);
      else connected.run(...withChecksum([id, toOrderedBytes(identity, 32, false)]));
    }
  }

  #writeLeases(): void {
    const clear = this.#db.prepare(
      'DELETE FROM _forerun_lease WHERE table_name = ? AND column_name = ? AND client_no = ?',
    );
    for (const { table, column, clientNo } of this.#holdings.values())
      clear.run(table.name, columnNameOf(table, column), clientNo);
    const insert = this.#db.prepare('INSERT INTO _forerun_lease VALUES (?, ?, ?, ?, ?, ?, ?)');
    for (const [position, { tableId, column, clientNo, from, to }] of this.#leases.snapshot().entries()) {
      const table = this.#module[tableId] as TableDefinition;
      insert.run(
        ...withChecksum([table.name, columnNameOf(table, column), clientNo, position, String(from), String(to)]),
      );
    }
  }

  /** What there is of it in the file, or will be, when it is touched first. */
  #client(clientNo: number): ClientRecord {
    let record = this.#clients.get(clientNo);
    if (record === undefined) {
      const stored = this.#before?.client(clientNo)?.snapshot() ?? this.#storedClient(clientNo);
      if (stored !== undefined) record = ClientRecord.restore(stored);
      else if (clientNo === 0) record = new ClientRecord(0, databaseClientId, Identity.zero());
      else throw corrupt(this.#path, `the log names client number ${clientNo} before it introduces it`);
      this.#clients.set(clientNo, record);
    }
    return record;
  }

  #storedClient(clientNo: number): ClientSnapshot | undefined {
    const [row] = this.#clientRows.read(clientNo);
    return row && clientSnapshot(row);
  }

  /** A record may be in the log twice, when its first batch could not be made durable. */
  #introduce(clientNo: number, clientId: Uint8Array, identity: bigint): void {
    const isKnown =
      this.#clients.has(clientNo) ||
      this.#before?.client(clientNo) !== undefined ||
      this.#storedClient(clientNo) !== undefined;
    if (!isKnown)
      this.#clients.set(clientNo, new ClientRecord(clientNo, clientIdFromBytes(clientId), new Identity(identity)));
  }

  /** Nobody asks for the outcomes of the database's own calls. */
  #forgetOwnOutcomes(clientNo: number): void {
    if (clientNo !== 0) return;
    const database = this.#client(0);
    database.acknowledge(database.lastCallId);
  }

  #touchHolding(table: TableDefinition, column: number, clientNo: number): void {
    const key = `${table.tableId}.${column}/${clientNo}`;
    if (this.#holdings.has(key)) return;
    this.#holdings.set(key, { table, column, clientNo });
    const leases = this.#before?.leasesOf(key, table, column, clientNo) ?? this.#storedLeases(table, column, clientNo);
    for (const lease of leases) this.#leases.restore(lease);
    // The column's next value is kept under the database's own number.
    if (clientNo !== 0) this.#touchHolding(table, column, 0);
  }

  /** Undefined when they are not touched here. */
  leasesOf(key: string, { tableId }: TableDefinition, column: number, clientNo: number): Lease[] | undefined {
    if (!this.#holdings.has(key)) return undefined;
    const isWanted = (lease: Lease): boolean =>
      lease.tableId === tableId && lease.column === column && lease.clientNo === clientNo;
    return this.#leases.snapshot().filter(isWanted);
  }

  *#storedLeases(table: TableDefinition, column: number, clientNo: number): Generator<Lease> {
    const { tableId } = table;
    for (const [, , , , from, to] of this.#leaseRows.read(table.name, columnNameOf(table, column), clientNo))
      yield { tableId, column, clientNo, from: BigInt(String(from)), to: BigInt(String(to)) };
  }
}

function columnNameOf(table: TableDefinition, column: number): string {
  return (table.columns[column] as TableDefinition['columns'][number]).name;
}

type BoundValue = Exclude<SqlValue, bigint>;

function withChecksum(values: BoundValue[]): BoundValue[] {
  values.push(rowChecksum(values));
  return values;
}

function clientRow({
  clientNo,
  clientId,
  identity,
  lastCallId,
  lastTimestampMicros,
  outcomes,
}: ClientSnapshot): BoundValue[] {
  const writer = new ByteWriter();
  for (const [callId, settled] of outcomes) {
    writer.varint(callId);
    if (typeof settled === 'number') {
      writer.u8(0);
      writer.varint(settled);
    } else {
      writer.u8(1);
      writer.string(settled.code);
      writer.string(settled.message);
    }
  }
  return [
    clientNo,
    idBytes(clientId),
    toOrderedBytes(identity, 32, false),
    lastCallId,
    lastTimestampMicros,
    writer.take(),
  ];
}

function clientSnapshot([
  clientNo,
  clientId,
  identity,
  lastCallId,
  lastTimestamp,
  outcomeBytes,
]: SqlValue[]): ClientSnapshot {
  const outcomes: [number, Settled][] = [];
  const reader = new ByteReader(outcomeBytes as Uint8Array);
  while (reader.remaining > 0) {
    const callId = reader.varint();
    // The code was written by an authority from the same union.
    const settled =
      reader.u8() === 0 ? reader.varint() : { code: reader.string() as Rejection['code'], message: reader.string() };
    outcomes.push([callId, settled]);
  }
  return {
    clientNo: Number(clientNo),
    clientId: clientIdFromBytes(clientId as Uint8Array) as ClientId,
    identity: fromOrderedBytes(identity as Uint8Array, false),
    lastCallId: Number(lastCallId),
    lastTimestampMicros: Number(lastTimestamp),
    outcomes,
  };
}
