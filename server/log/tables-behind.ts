/**
 * Brings the tables in the file up to date with the log, a stretch at a time. A stretch takes batches as they are
 * appended, while the one before it is being written; what it has missed, such as the log that a start finds, it reads
 * back. It is written a little with each batch that is appended, in the transaction that makes the batch durable, since a
 * transaction of its own would take a sync of its own; and when nothing is appended, in slices.
 *
 * Law: rows may be newer than the batch number in the file's meta says; that number, clients, leases and connections are
 * written in the transaction that ends a stretch, and always agree. So a stop, or a transaction that fails, costs nothing
 * but doing the stretch again.
 */

import type { DatabaseSync } from 'node:sqlite';
import { recordKind } from '../../core/authority/record.ts';
import { BatchCursor, walkBatch } from '../../core/authority/record-reader.ts';
import type { LogBatch } from '../../core/commit/log.ts';
import { type RowShape, rowShape } from '../../core/engine/row-shape.ts';
import { ForerunError } from '../../core/errors.ts';
import type { TableDefinition } from '../../core/module/definition.ts';
import { isStored } from '../module-change.ts';
import { BatchReader } from './batch-table.ts';
import { BookkeepingChanges } from './bookkeeping.ts';
import { writeTablesPosition } from './database-file.ts';
import { NetRows } from './net-rows.ts';
import { TableWriter } from './row-tables.ts';

/**
 * A stretch ends when its rows take so much memory, it has so many bytes of log behind it, or touches so many clients,
 * leases and connections, which are written in one go. The longer it is, the more changes of one row and of one page
 * become one. Two of them are in memory at a time.
 */
const stretchRowBytesMax = 8 * 1024 * 1024;
const stretchBytesMax = 64 * 1024 * 1024;
const stretchEntriesMax = 1_000;
const readBytesTarget = 32 * 1024;
/** A stretch is written by the time that the next one has come to so much of its length. */
const alongShare = 0.5;
/** Rows that one append takes along at most: one or two milliseconds. */
const alongRowsMax = 4_000;

/** What the log has done to the tables up to a batch, and not yet in them. */
interface Stretch {
  readonly rows: NetRows;
  readonly bookkeeping: BookkeepingChanges;
  batchNumber: number;
  seq: number;
  bytes: number;
  /** Where it reads on, while there is something to be read back. */
  reader: BatchReader | undefined;
}

interface WrittenStretch {
  readonly stretch: Stretch;
  /** Writes on with each step, which says how many rows it has done. */
  readonly rows: Generator<number>;
  /** All of it is in the transaction that is open, or was the last one. */
  isDone: boolean;
}

export class TablesBehind {
  readonly #db: DatabaseSync;
  readonly #path: string;
  readonly #tables: readonly TableDefinition[];
  readonly #shapes: readonly RowShape[];
  /** By tableId; none for tables whose rows are not kept. */
  readonly #writers: readonly (TableWriter | undefined)[];
  readonly #cursor = new BatchCursor((tableId) => this.#shape(tableId));
  #batchNumber: number;
  #seq: number;
  #next: Stretch | undefined;
  #written: WrittenStretch | undefined;
  /** What a slice of writing may hold, so that it takes about its time; learnt from the last ones. */
  #rowsPerMs = 50;

  constructor(
    db: DatabaseSync,
    path: string,
    tables: readonly TableDefinition[],
    position: { readonly batchNumber: number; readonly seq: number },
  ) {
    this.#db = db;
    this.#path = path;
    this.#tables = tables;
    this.#shapes = tables.map(rowShape);
    this.#writers = this.#shapes.map((shape) => (isStored(shape.table) ? new TableWriter(db, shape) : undefined));
    this.#batchNumber = position.batchNumber;
    this.#seq = position.seq;
  }

  /** The tables are as of this batch, by the file's meta. */
  get batchNumber(): number {
    return this.#batchNumber;
  }

  /** Whether appends have something to take along. */
  get isWriting(): boolean {
    return this.#written !== undefined;
  }

  /** Up to this batch, what is to be written is known; what comes after it has to be read back. */
  get knownTo(): number {
    return this.#next?.batchNumber ?? this.#written?.stretch.batchNumber ?? this.#batchNumber;
  }

  /** Whether the next stretch can take no more. */
  get isFull(): boolean {
    return this.#next !== undefined && isFull(this.#next);
  }

  /** Takes the batch that was appended last, if the next stretch has all that come before it, and room for it. */
  appended(batch: LogBatch): void {
    if (this.knownTo !== batch.number - 1) return;
    try {
      const next = (this.#next ??= this.#begin());
      if (isFull(next)) return;
      next.reader = undefined;
      this.#take(next, batch);
    } catch (error) {
      this.lost();
      throw error;
    }
  }

  /** The next stretch is written from here on, if the one before it has been. */
  turn(): void {
    const next = this.#next;
    if (next === undefined || this.#written !== undefined) return;
    this.#next = undefined;
    const rows = next.rows.write((tableId) => this.#writers[tableId]);
    this.#written = { stretch: next, rows, isDone: false };
  }

  /**
   * Writes, in the caller's transaction, what goes with so many bytes of log, and gives how many rows that were. Then
   * `committed` or `lost` has to be called.
   */
  writeAlong(logBytes: number): number {
    const { stretch } = this.#written ?? {};
    if (stretch === undefined) return 0;
    const share = logBytes / (stretch.bytes * alongShare);
    return this.#write(Math.min(Math.ceil(share * stretch.rows.size) + 1, alongRowsMax), Number.POSITIVE_INFINITY);
  }

  /** Gives how many bytes of the log the tables have in addition. */
  committed(): number {
    const { stretch, isDone } = this.#written ?? {};
    if (stretch === undefined || isDone !== true) return 0;
    this.#written = undefined;
    this.#batchNumber = stretch.batchNumber;
    this.#seq = stretch.seq;
    return stretch.bytes;
  }

  /** What was written could not be committed: it is all done again, from where the file is. */
  lost(): void {
    this.#next = undefined;
    this.#written = undefined;
  }

  /** Works for about `budgetMs`; gives how many bytes of the log this has brought into the tables. */
  slice(budgetMs: number, lastBatch: number): number {
    const deadline = performance.now() + budgetMs;
    try {
      if (this.#written !== undefined) return this.#writeSlice(deadline, budgetMs);
      if (this.#read(deadline, lastBatch)) this.turn();
      return 0;
    } catch (error) {
      this.lost();
      throw error;
    }
  }

  /** Works for about `budgetMs` on what was not taken as it was appended; gives whether there is more of it. */
  readBack(budgetMs: number, lastBatch: number): boolean {
    try {
      return !this.#read(performance.now() + budgetMs, lastBatch);
    } catch (error) {
      this.lost();
      throw error;
    }
  }

  #begin(): Stretch {
    const before = this.#written?.stretch;
    return {
      rows: new NetRows((tableId) => this.#shape(tableId)),
      bookkeeping: new BookkeepingChanges(this.#db, this.#path, this.#tables, before?.bookkeeping),
      batchNumber: before?.batchNumber ?? this.#batchNumber,
      seq: before?.seq ?? this.#seq,
      bytes: 0,
      reader: undefined,
    };
  }

  /** Gives whether the stretch is long enough, or at the end of the log. */
  #read(deadline: number, lastBatch: number): boolean {
    const next = (this.#next ??= this.#begin());
    while (!isFull(next) && next.batchNumber < lastBatch) {
      if (performance.now() >= deadline) return false;
      next.reader ??= new BatchReader(this.#db, this.#path, next.batchNumber, next.seq);
      for (const batch of next.reader.next(readBytesTarget)) this.#take(next, batch);
    }
    return true;
  }

  #take(stretch: Stretch, batch: LogBatch): void {
    const { rows, bookkeeping } = stretch;
    walkBatch(batch, this.#cursor, (cursor) => {
      if (cursor.kind !== recordKind.commit) return bookkeeping.add(cursor.record());
      bookkeeping.commit(cursor);
      while (cursor.nextChange()) {
        rows.add(cursor, batch.bytes);
        if (!cursor.isDelete) bookkeeping.noteIds(cursor);
      }
    });
    stretch.batchNumber = batch.number;
    stretch.seq = batch.firstSeq + batch.commitCount - 1;
    stretch.bytes += batch.bytes.length;
  }

  #writeSlice(deadline: number, budgetMs: number): number {
    const started = performance.now();
    let written = 0;
    this.#db.exec('BEGIN IMMEDIATE');
    try {
      written = this.#write(Math.max(1, this.#rowsPerMs * budgetMs), deadline);
      this.#db.exec('COMMIT');
    } catch (error) {
      if (this.#db.isTransaction) this.#db.exec('ROLLBACK');
      throw error;
    }
    if (written > 0) this.#learn(written / (performance.now() - started));
    return this.committed();
  }

  /** In the transaction that is open. */
  #write(rowsMax: number, deadline: number): number {
    const written = this.#written;
    if (written === undefined) return 0;
    const { stretch, rows } = written;
    let count = 0;
    while (!written.isDone && count < rowsMax && performance.now() < deadline) {
      const step = rows.next();
      if (step.done === true) written.isDone = true;
      else count += step.value;
    }
    if (written.isDone) {
      stretch.bookkeeping.write();
      writeTablesPosition(this.#db, stretch.batchNumber, stretch.seq);
    }
    return count;
  }

  /** Takes slowness at its word and speed with caution: most of the time goes into the commit, which comes last. */
  #learn(rowsPerMs: number): void {
    this.#rowsPerMs = Math.max(1, Math.min(rowsPerMs, this.#rowsPerMs * 1.5));
  }

  #shape(tableId: number): RowShape {
    const shape = this.#shapes[tableId];
    if (shape === undefined)
      throw new ForerunError('frame-invalid', `There is no table number ${tableId} in this module.`);
    return shape;
  }
}

function isFull({ rows, bytes, bookkeeping }: Stretch): boolean {
  return rows.bytes >= stretchRowBytesMax || bytes >= stretchBytesMax || bookkeeping.size >= stretchEntriesMax;
}
