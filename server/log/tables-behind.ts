/**
 * Brings the tables in the file up to date with the log, a stretch at a time and each stretch in slices, between which
 * the log can be appended to. A stretch takes batches as they are appended; what came while the one before it was being
 * written, it reads back.
 *
 * Law: rows may be newer than the batch number in the file's meta says; that number, clients, leases and connections are
 * written in the transaction that ends a stretch, and always agree. So a stop, or a slice that fails, costs nothing but
 * doing the stretch again.
 */

import type { DatabaseSync } from 'node:sqlite';
import { recordKind } from '../../core/authority/record.ts';
import { BatchCursor, walkBatch } from '../../core/authority/record-reader.ts';
import type { LogBatch } from '../../core/commit/log.ts';
import { type RowShape, rowShape } from '../../core/engine/row-shape.ts';
import { ForerunError } from '../../core/errors.ts';
import type { TableDefinition } from '../../core/module/definition.ts';
import { BatchReader } from './batch-table.ts';
import { BookkeepingChanges } from './bookkeeping.ts';
import { writeTablesPosition } from './database-file.ts';
import { NetRows } from './net-rows.ts';
import { TableWriter } from './row-tables.ts';
import { isStored } from '../module-change.ts';

/**
 * A stretch ends when its rows take so much memory, it has so many bytes of log behind it, or touches so many clients,
 * leases and connections, which are written in one go. The longer it is, the more changes of one row and of one page
 * become one.
 */
const stretchRowBytesMax = 32 * 1024 * 1024;
const stretchBytesMax = 64 * 1024 * 1024;
const stretchEntriesMax = 1_000;
const readBytesTarget = 32 * 1024;

interface Stretch {
  readonly rows: NetRows;
  readonly bookkeeping: BookkeepingChanges;
  batchNumber: number;
  seq: number;
  bytes: number;
  /** Where it reads on, while there is something to be read back. */
  reader: BatchReader | undefined;
  /** Set once it is being written. */
  writing: Generator<number> | undefined;
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
  #stretch: Stretch | undefined;
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

  /** Takes the batch that was appended last, if the next stretch has all that come before it. */
  appended(batch: LogBatch): void {
    try {
      const stretch = (this.#stretch ??= this.#begin());
      if (stretch.writing !== undefined || stretch.batchNumber !== batch.number - 1 || isFull(stretch)) return;
      stretch.reader = undefined;
      this.#take(stretch, batch);
    } catch (error) {
      this.#stretch = undefined;
      throw error;
    }
  }

  /** Works for about `budgetMs`; gives how many bytes of the log this has brought into the tables. */
  slice(budgetMs: number, lastBatch: number): number {
    const deadline = performance.now() + budgetMs;
    try {
      const stretch = (this.#stretch ??= this.#begin());
      if (stretch.writing === undefined) {
        if (this.#read(stretch, deadline, lastBatch))
          stretch.writing = stretch.rows.write((tableId) => this.#writers[tableId]);
        return 0;
      }
      if (!this.#write(stretch, stretch.writing, budgetMs)) return 0;
      this.#stretch = undefined;
      this.#batchNumber = stretch.batchNumber;
      this.#seq = stretch.seq;
      return stretch.bytes;
    } catch (error) {
      this.#stretch = undefined;
      throw error;
    }
  }

  #begin(): Stretch {
    return {
      rows: new NetRows((tableId) => this.#shape(tableId)),
      bookkeeping: new BookkeepingChanges(this.#db, this.#path, this.#tables),
      batchNumber: this.#batchNumber,
      seq: this.#seq,
      bytes: 0,
      reader: undefined,
      writing: undefined,
    };
  }

  /** Gives whether the stretch is long enough, or at the end of the log. */
  #read(stretch: Stretch, deadline: number, lastBatch: number): boolean {
    while (!isFull(stretch) && stretch.batchNumber < lastBatch) {
      if (performance.now() >= deadline) return false;
      stretch.reader ??= new BatchReader(this.#db, this.#path, stretch.batchNumber, stretch.seq);
      for (const batch of stretch.reader.next(readBytesTarget)) this.#take(stretch, batch);
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

  /** One transaction; gives whether it was the last one of the stretch. */
  #write(stretch: Stretch, rows: Generator<number>, budgetMs: number): boolean {
    const started = performance.now();
    const rowsMax = Math.max(1, this.#rowsPerMs * budgetMs);
    let written = 0;
    let isLast = false;
    this.#db.exec('BEGIN IMMEDIATE');
    try {
      while (!isLast && written < rowsMax && performance.now() - started < budgetMs) {
        const step = rows.next();
        if (step.done === true) isLast = true;
        else written += step.value;
      }
      if (isLast) {
        stretch.bookkeeping.write();
        writeTablesPosition(this.#db, stretch.batchNumber, stretch.seq);
      }
      this.#db.exec('COMMIT');
    } catch (error) {
      if (this.#db.isTransaction) this.#db.exec('ROLLBACK');
      throw error;
    }
    if (written > 0) this.#learn(written / (performance.now() - started));
    return isLast;
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
