/**
 * Whether a database file is whole, to the last row: SQLite's own structures, the checksum of every batch of the log, of
 * every row of the tables, of clients, leases and connections, and that they fit together.
 *
 * It reads as of one moment and changes nothing; a server may have the file open. What it finds is told, not mended.
 */

import type { DatabaseSync } from 'node:sqlite';
import type { ForerunError } from '../../core/errors.ts';
import { isStored } from '../module-change.ts';
import { BatchReader, storedExtent } from './batch-table.ts';
import { readClients, readConnections, readLeases } from './bookkeeping.ts';
import { checkHeader, type DatabaseMeta, openForReading, readMeta } from './database-file.ts';
import { readRows } from './row-tables.ts';
import { corrupt, openingError } from './storage-error.ts';
import { checkWal } from './wal-check.ts';

export interface DatabaseReport {
  readonly path: string;
  /** Of the last commit in the log. */
  readonly seq: number;
  /** Batches of the log that are kept. */
  readonly batches: number;
  readonly logBytes: number;
  /** How many the tables hold. */
  readonly rows: Readonly<Record<string, number>>;
  /** Of the last commit that the tables contain; what came after is in the log, and follows when the database is opened. */
  readonly tablesSeq: number;
  /** Empty when the file is whole. */
  readonly problems: readonly ForerunError[];
}

const walAttemptsMax = 5;

/** Throws only when there is nothing to read at all: `data-folder-unusable`, `database-corrupt`. */
export function checkDatabase(path: string): DatabaseReport {
  checkWalAgain(path);
  const db = openForReading(path);
  try {
    db.exec('BEGIN');
    return new Check(db, path).run();
  } catch (cause) {
    throw openingError(cause, path);
  } finally {
    db.close();
  }
}

export function throwFirstProblem({ problems: [problem] }: DatabaseReport): void {
  if (problem !== undefined) throw problem;
}

/** A server that writes it meanwhile makes it look broken; what is broken stays so. */
function checkWalAgain(path: string): void {
  for (let attempt = 1; ; attempt++) {
    try {
      return checkWal(path);
    } catch (error) {
      if (attempt === walAttemptsMax) throw error;
    }
  }
}

class Check {
  readonly #db: DatabaseSync;
  readonly #path: string;
  readonly #problems: ForerunError[] = [];

  constructor(db: DatabaseSync, path: string) {
    this.#db = db;
    this.#path = path;
  }

  run(): DatabaseReport {
    checkHeader(this.#db, this.#path);
    const meta = readMeta(this.#db, this.#path);
    this.#part(() => this.#checkPages());
    const log = this.#part(() => this.#checkLog(meta)) ?? { seq: 0, batches: 0, logBytes: 0 };
    const rows: Record<string, number> = {};
    for (const table of meta.module.tables.filter(isStored)) {
      rows[table.name] = this.#part(() => count(readRows(this.#db, this.#path, table))) ?? 0;
    }
    this.#part(() => readClients(this.#db, this.#path));
    this.#part(() => readLeases(this.#db, this.#path, meta.module.tables));
    this.#part(() => readConnections(this.#db, this.#path));
    return { path: this.#path, ...log, rows, tablesSeq: meta.tablesSeq, problems: this.#problems };
  }

  /** What is wrong in one place does not keep from looking at the others. */
  #part<T>(check: () => T): T | undefined {
    try {
      return check();
    } catch (cause) {
      this.#problems.push(openingError(cause, this.#path));
      return undefined;
    }
  }

  #checkPages(): void {
    const [result] = this.#db.prepare('PRAGMA integrity_check(1)').all();
    const text = Object.values(result ?? {})[0];
    if (text !== 'ok') throw corrupt(this.#path, String(text));
  }

  #checkLog({ tablesBatch, tablesSeq }: DatabaseMeta): { seq: number; batches: number; logBytes: number } {
    const { first, last } = storedExtent(this.#db);
    const reader = new BatchReader(this.#db, this.#path, Math.max(0, first - 1));
    let seq = tablesSeq;
    let batches = 0;
    let logBytes = 0;
    for (let read = reader.next(); read.length > 0; read = reader.next()) {
      for (const batch of read) {
        batches++;
        logBytes += batch.bytes.length;
        seq = batch.firstSeq + batch.commitCount - 1;
        if (batch.number === tablesBatch && seq !== tablesSeq)
          throw corrupt(this.#path, `its tables end at commit ${tablesSeq}, its log says ${seq}`);
      }
    }
    if (last < tablesBatch) throw corrupt(this.#path, `its log ends at batch ${last}, before its tables do`);
    if (first > tablesBatch + 1)
      throw corrupt(this.#path, `batches ${tablesBatch + 1} to ${first - 1} of its log are missing`);
    return { seq, batches, logBytes };
  }
}

function count(rows: Iterable<unknown>): number {
  let number = 0;
  for (const _ of rows) number++;
  return number;
}
