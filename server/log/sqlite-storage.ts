/**
 * A database's file as the storage thread uses it: the log, which is appended to at once, and the tables, which follow.
 *
 * Law: when `append` returns, the batch survives power loss; when it throws, nothing of the batch is there. Everything
 * else in the file can be made again from the log, and waits for a quiet moment.
 */

import type { DatabaseSync, StatementSync } from 'node:sqlite';
import type { LogBatch } from '../../core/commit/log.ts';
import { ForerunError } from '../../core/errors.ts';
import { type ColumnDefault, type ModuleDescription, moduleChange } from '../module-change.ts';
import { BatchWriter, type LogExtent, storedExtent } from './batch-table.ts';
import {
  closeUnchanged,
  createDatabaseFile,
  type DatabaseBirth,
  type DatabaseMeta,
  openDatabaseFile,
  readMeta,
  writeMeta,
} from './database-file.ts';
import { migrateTables } from './migrate-tables.ts';
import { appendError, corrupt, openingError } from './storage-error.ts';
import { TablesBehind } from './tables-behind.ts';

export interface StorageOptions {
  readonly path: string;
  readonly module: ModuleDescription;
  /** Of the module's columns, for rows that were written before them. */
  readonly defaults?: readonly ColumnDefault[];
  /** For a file that isn't there yet. */
  readonly birth: DatabaseBirth;
  /** Of log that is kept although the tables contain it; older batches are dropped beyond it. Default: all. */
  readonly logBytesMax?: number;
  /** Batches that the tables contain already are dropped when they are older than this. Default: never. */
  readonly logAgeMsMax?: number;
  /**
   * The last batch that the owner of the log knows to be durable, when it opens the file anew after its thread has ended:
   * what came after was reported as failed, and is removed.
   */
  readonly lastConfirmed?: number;
  /** The file grows to at most so many bytes; beyond it appending fails with `log-unavailable`. Default: the disk's end. */
  readonly fileBytesMax?: number;
}

/** Of work that nobody waits behind. */
const catchUpSliceMs = 100;
/** Batches dropped in one slice, and with one append. */
const droppedBatchesMax = 256;
const droppedAlongMax = 4;
/**
 * Pages of write-ahead log after which they are copied to where they belong, which the next append waits for. SQLite's own
 * 1,000 take 5 to 15 ms, and these a fourth of it each time, at the same cost in all.
 */
const checkpointPages = 256;
const pageBytes = 4096;
/** Pages that a transaction writes beside those of its content, and rows that share one: roughly. */
const pagesPerAppend = 3;
const rowsPerPage = 32;
const pagesPerSliceMs = 16;

export class SqliteStorage {
  readonly birth: DatabaseBirth;
  readonly #db: DatabaseSync;
  readonly #options: StorageOptions;
  readonly #log: BatchWriter;
  readonly #tables: TablesBehind;
  #first: number;
  #behindBytes: number;
  #keptBytes: number;
  /** Pages in the write-ahead log, roughly. */
  #walPages = 0;
  readonly #checkpoint: StatementSync;
  /** When the first batch was begun, once someone has asked. */
  #firstMs: { readonly of: number; readonly ms: number } | undefined;

  private constructor(db: DatabaseSync, options: StorageOptions, meta: DatabaseMeta) {
    const { first, last } = storedExtent(db);
    if (last < meta.tablesBatch) throw corrupt(options.path, `its log ends at batch ${last}, before its tables do`);
    this.#db = db;
    this.#options = options;
    this.birth = { epoch: meta.epoch, databaseIdentity: meta.databaseIdentity, secret: meta.secret };
    this.#log = new BatchWriter(db, last);
    this.#checkpoint = db.prepare('PRAGMA wal_checkpoint(PASSIVE)');
    this.#tables = new TablesBehind(db, options.path, meta.module.tables, {
      batchNumber: meta.tablesBatch,
      seq: meta.tablesSeq,
    });
    this.#first = last === 0 ? 0 : Math.max(first, meta.describedAfter + 1);
    this.#behindBytes = logBytes(db, meta.tablesBatch);
    this.#keptBytes = options.logBytesMax === undefined ? 0 : logBytes(db, 0);
  }

  /** Throws `database-corrupt`, `data-folder-unusable` or `schema-changed`. */
  static open(options: StorageOptions): SqliteStorage {
    const { path, module, birth, fileBytesMax } = options;
    createDatabaseFile(path, birth, module);
    const db = openDatabaseFile(path);
    try {
      const meta = readMeta(db, path);
      if (options.lastConfirmed !== undefined) dropUnconfirmed(db, meta, options.lastConfirmed);
      const change = moduleChange(meta.module, module, options.defaults);
      let storage = new SqliteStorage(db, options, meta);
      if (change.type === 'changed') {
        storage.#catchUp(Number.POSITIVE_INFINITY);
        const batchNumber = storage.#tables.batchNumber;
        db.exec('BEGIN IMMEDIATE');
        const described = { ...readMeta(db, path), module, describedAfter: batchNumber };
        migrateTables(db, path, change, options.defaults ?? []);
        writeMeta(db, described);
        db.exec('COMMIT');
        storage = new SqliteStorage(db, options, described);
      }
      if (fileBytesMax !== undefined) db.exec(`PRAGMA max_page_count = ${Math.ceil(fileBytesMax / 4096)}`);
      return storage;
    } catch (cause) {
      closeUnchanged(db, path);
      throw openingError(cause, path);
    }
  }

  get extent(): LogExtent {
    return { first: this.#first, last: this.#log.last };
  }

  /** Of the log that the tables don't contain yet. */
  get behindBytes(): number {
    return this.#behindBytes;
  }

  /** Whether log has to be read back before it can be written to the tables. */
  get mustReadBack(): boolean {
    return this.#tables.knownTo < this.#log.last;
  }

  /** Throws `log-unavailable`. */
  append(batch: LogBatch): void {
    try {
      if (!this.#appendAlong(batch)) this.#log.append(batch);
    } catch (cause) {
      throw appendError(cause);
    }
    if (this.#first === 0) this.#first = batch.number;
    this.#behindBytes += batch.bytes.length;
    this.#keptBytes += batch.bytes.length;
    this.#walPages += pagesPerAppend + Math.ceil(batch.bytes.length / pageBytes);
  }

  /**
   * Once the batch that `append` has made durable has been answered, so that nobody waits for it: takes it into what is to
   * be written to the tables, which spares reading it back, and begins to write once the log is so far ahead. Throws like
   * `slice`.
   */
  appended(batch: LogBatch, behindBytesMax: number): void {
    this.#tables.appended(batch);
    const isDue = this.#behindBytes > behindBytesMax && !this.mustReadBack;
    if (isDue || this.#tables.isFull) this.#tables.turn();
    this.#copyPages();
  }

  /**
   * Works on the tables for about `budgetMs`; gives whether there is more to do. Throws what SQLite throws when it can't,
   * and begins again where the file is when it is called again.
   */
  slice(budgetMs: number): boolean {
    if (this.#tables.batchNumber < this.#log.last) {
      this.#behindBytes -= this.#tables.slice(budgetMs, this.#log.last);
      this.#walPages += budgetMs * pagesPerSliceMs;
      this.#copyPages();
      return true;
    }
    const oldest = this.#oldest(droppedBatchesMax);
    if (oldest === undefined) return false;
    this.#delete(oldest);
    this.#dropped(oldest);
    return true;
  }

  /** Same as `slice` while appends come, and take along what is to be written: gives whether there is more to read back. */
  readBack(budgetMs: number): boolean {
    return this.#tables.readBack(budgetMs, this.#log.last);
  }

  /** Leaves the tables complete, or as complete as they get in `catchUpMsMax`; the next start reads the rest of the log. */
  close(catchUpMsMax: number): void {
    try {
      this.#catchUp(catchUpMsMax);
    } finally {
      this.#db.close();
    }
  }

  #catchUp(msMax: number): void {
    const deadline = performance.now() + msMax;
    while (this.#tables.batchNumber < this.#log.last && performance.now() < deadline) this.slice(catchUpSliceMs);
  }

  #isFirstBefore(ms: number): boolean {
    if (ms === Number.NEGATIVE_INFINITY) return false;
    if (this.#firstMs?.of !== this.#first) {
      const select = this.#db.prepare('SELECT substr(bytes, 2, 8) AS begun FROM _forerun_log WHERE number = ?');
      this.#firstMs = { of: this.#first, ms: batchMs(select.get(this.#first)?.['begun']) };
    }
    return this.#firstMs.ms < ms;
  }

  /**
   * With some of what is to be written to the tables and dropped from the log, which as a transaction of its own would take
   * a sync of its own. False when there is none of it, or something is wrong with it: then the batch goes alone.
   */
  #appendAlong(batch: LogBatch): boolean {
    const oldest = this.#oldest(droppedAlongMax);
    if (!this.#tables.isWriting && oldest === undefined) return false;
    const { last } = this.#log;
    this.#db.exec('BEGIN IMMEDIATE');
    try {
      this.#log.append(batch);
      this.#walPages += this.#tables.writeAlong(batch.bytes.length) / rowsPerPage;
      if (oldest !== undefined) this.#delete(oldest);
      this.#db.exec('COMMIT');
    } catch {
      if (this.#db.isTransaction) this.#db.exec('ROLLBACK');
      if (this.#log.last !== last) this.#log.lost();
      this.#tables.lost();
      return false;
    }
    this.#behindBytes -= this.#tables.committed();
    if (oldest !== undefined) this.#dropped(oldest);
    return true;
  }

  /** Copies the pages of the write-ahead log to where they belong, when there are many. */
  #copyPages(): void {
    if (this.#walPages < checkpointPages) return;
    this.#walPages = 0;
    try {
      this.#checkpoint.get();
    } catch {
      // They stay where they are, and are read from there. If the disk is full, the next append says so.
    }
  }

  /** Up to where the log may be shortened, by so many batches at most. The last one is always kept: it says where the log is. */
  #oldest(batchesMax: number): Oldest | undefined {
    const { logBytesMax = Number.POSITIVE_INFINITY, logAgeMsMax = Number.POSITIVE_INFINITY } = this.#options;
    const { first, last } = this.extent;
    const upTo = Math.min(first + batchesMax, last, this.#tables.batchNumber + 1) - 1;
    const keptFromMs = Date.now() - logAgeMsMax;
    if (first === 0 || first > upTo) return undefined;
    if (this.#keptBytes <= logBytesMax && !this.#isFirstBefore(keptFromMs)) return undefined;
    const select = this.#db.prepare(
      'SELECT number, length(bytes) AS bytes, substr(bytes, 2, 8) AS begun FROM _forerun_log WHERE number <= ? ORDER BY number',
    );
    let keptBytes = this.#keptBytes;
    let number = first - 1;
    for (const row of select.iterate(upTo)) {
      if (keptBytes <= logBytesMax && batchMs(row['begun']) >= keptFromMs) break;
      keptBytes -= Number(row['bytes']);
      number = Number(row['number']);
    }
    return number < first ? undefined : { number, bytes: this.#keptBytes - keptBytes };
  }

  #delete({ number }: Oldest): void {
    this.#db.prepare('DELETE FROM _forerun_log WHERE number <= ?').run(number);
  }

  #dropped({ number, bytes }: Oldest): void {
    this.#keptBytes -= bytes;
    this.#first = number + 1;
  }
}

/** The oldest batches of the log: up to which one, and how many bytes that are. */
interface Oldest {
  readonly number: number;
  readonly bytes: number;
}

/** A batch begins with its format and its base timestamp in microseconds. */
function batchMs(begun: unknown): number {
  const bytes = begun as Uint8Array;
  return Number(new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength).getBigInt64(0, true)) / 1_000;
}

function dropUnconfirmed(db: DatabaseSync, { tablesBatch }: DatabaseMeta, lastConfirmed: number): void {
  if (tablesBatch > lastConfirmed) {
    throw new ForerunError(
      'log-unavailable',
      'The tables hold a batch that was reported as failed. Start the server again.',
    );
  }
  db.prepare('DELETE FROM _forerun_log WHERE number > ?').run(lastConfirmed);
}

function logBytes(db: DatabaseSync, afterBatch: number): number {
  const row = db.prepare('SELECT total(length(bytes)) AS bytes FROM _forerun_log WHERE number > ?').get(afterBatch);
  return Number(row?.['bytes'] ?? 0);
}
