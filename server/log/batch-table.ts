/**
 * The log in the database file: one row per batch.
 *
 * Law: batches are numbered without holes and their commits too; what is read is checked against both, and against the
 * checksum that was made when the batch came in.
 */

import type { DatabaseSync, StatementSync } from 'node:sqlite';
import type { Seq } from '../../core/commit/call.ts';
import { checkFollows, type LogBatch } from '../../core/commit/log.ts';
import { batchChecksum } from './checksum.ts';
import { corrupt } from './storage-error.ts';

/** One answer of the reader holds about so many bytes. */
const chunkBytesTarget = 4 * 1024 * 1024;

export interface LogExtent {
  /** Number of the first batch that can be read; above `last` when none can. */
  readonly first: number;
  readonly last: number;
}

export class BatchWriter {
  readonly #insert: StatementSync;
  #last: number;

  constructor(db: DatabaseSync, last: number) {
    this.#insert = db.prepare('INSERT INTO _forerun_log VALUES (?, ?, ?, ?, ?)');
    this.#last = last;
  }

  get last(): number {
    return this.#last;
  }

  /** Durable when it returns, or outside of a transaction of the caller's. A failed one leaves nothing. */
  append(batch: LogBatch): void {
    checkFollows(batch, this.#last);
    this.#insert.run(batch.number, batch.firstSeq, batch.commitCount, batchChecksum(batch), batch.bytes);
    this.#last = batch.number;
  }

  /** The caller's transaction with the last append in it has failed. */
  lost(): void {
    this.#last--;
  }
}

export class BatchReader {
  readonly #select: StatementSync;
  readonly #path: string;
  #number: number;
  #nextSeq: number | undefined;

  /** Reads on after batch `after`; `seq` is that of the last commit up to there, where it is known. */
  constructor(db: DatabaseSync, path: string, after: number, seq?: number) {
    this.#select = db.prepare(
      'SELECT number, first_seq, commit_count, checksum, bytes FROM _forerun_log WHERE number > ? ORDER BY number',
    );
    this.#path = path;
    this.#number = after;
    this.#nextSeq = seq === undefined ? undefined : seq + 1;
  }

  /** The next few; empty at the end of the log. Throws `database-corrupt`. */
  next(bytesTarget: number = chunkBytesTarget): LogBatch[] {
    const batches: LogBatch[] = [];
    let bytes = 0;
    for (const row of this.#select.iterate(this.#number)) {
      const batch = this.#checked(row as unknown as StoredBatch);
      batches.push(batch);
      bytes += batch.bytes.length;
      if (bytes >= bytesTarget) break;
    }
    return batches;
  }

  #checked({ number, first_seq: firstSeq, commit_count: commitCount, checksum, bytes }: StoredBatch): LogBatch {
    if (number !== this.#number + 1) throw corrupt(this.#path, `batch ${this.#number + 1} of its log is missing`);
    const batch = { number, firstSeq, commitCount, bytes };
    const isWhole =
      isCount(firstSeq) &&
      isCount(commitCount) &&
      ArrayBuffer.isView(bytes) &&
      checksum === batchChecksum(batch) &&
      (this.#nextSeq ?? firstSeq) === firstSeq;
    if (!isWhole) throw corrupt(this.#path, `batch ${number} of its log does not match its checksum`);
    this.#number = number;
    this.#nextSeq = firstSeq + commitCount;
    return batch;
  }
}

/** As the table declares it; a damaged file may hold other types, which the checksum finds. */
interface StoredBatch {
  readonly number: number;
  readonly first_seq: Seq;
  readonly commit_count: number;
  readonly checksum: number;
  readonly bytes: Uint8Array;
}

function isCount(value: unknown): boolean {
  return Number.isSafeInteger(value) && (value as number) >= 0;
}

/** Of what is in the file, whatever can still be read of it. */
export function storedExtent(db: DatabaseSync): LogExtent {
  const row = db.prepare('SELECT min(number) AS first, max(number) AS last FROM _forerun_log').get();
  return { first: Number(row?.['first'] ?? 0), last: Number(row?.['last'] ?? 0) };
}
