/**
 * Backups of a database: taken while it runs, and put back in its place.
 *
 * A backup is one SQLite file: the database as of one moment, whole in itself, with what it takes to be served elsewhere
 * (the key of the tokens). So it holds secrets: keep it as you keep the data folder.
 *
 * Laws: a backup under its name is complete and has been checked. Restoring checks it again, moves what was there aside
 * instead of deleting it, and begins a new epoch: what clients know of the rows that were counts for nothing any more.
 */

import {
  closeSync,
  copyFileSync,
  existsSync,
  fsyncSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { dirname } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { Worker } from 'node:worker_threads';
import { ForerunError } from '../../core/errors.ts';
import { checkDatabase, type DatabaseReport, throwFirstProblem } from './check.ts';
import { filesIn, openDataFolder } from './data-folder.ts';
import { openForReading, readMeta, syncFolder, writeMeta } from './database-file.ts';
import { openingError } from './storage-error.ts';

export interface BackupOptions {
  /** The data folder. A server may have it open. */
  readonly data: string;
  /** Of the database. Default `main`. */
  readonly name?: string;
  /** The file to write; there must be none of this name. */
  readonly to: string;
}

export interface RestoreOptions {
  readonly data: string;
  readonly name?: string;
  /** A file that `backupDatabase` wrote. */
  readonly from: string;
}

export interface Restored {
  readonly report: DatabaseReport;
  readonly epoch: string;
  /** Where the database that was there is now, if there was one. */
  readonly movedTo: string | undefined;
}

/** Beside the tables in a backup, and nowhere else. */
const keyTable = 'CREATE TABLE backup_of_forerun (name TEXT PRIMARY KEY, value TEXT NOT NULL)';

/**
 * Writes a backup here and now: for a program of its own. Neither calls nor the log wait for it. Throws `not-found` where
 * there is no database, `data-folder-unusable` when the file can't be written, `database-corrupt`.
 */
export function backupDatabase({ data, name = 'main', to }: BackupOptions): DatabaseReport {
  const { databaseFile, tokenKeyFile } = filesIn(data, name);
  if (!existsSync(databaseFile)) throw noDatabase(databaseFile);
  if (existsSync(to)) throw unwritable(to, 'it is there already. Choose another name, or remove it first');
  const unfinished = `${to}.unfinished`;
  try {
    rmSync(unfinished, { force: true });
    const db = openForReading(databaseFile);
    try {
      // One statement and one view of the file, whatever is appended meanwhile.
      db.prepare('VACUUM INTO ?').run(unfinished);
    } finally {
      db.close();
    }
    const report = checkDatabase(unfinished);
    throwFirstProblem(report);
    keepTokenKey(unfinished, tokenKeyFile);
    syncFile(unfinished);
    renameSync(unfinished, to);
    syncFolder(dirname(to));
    return { ...report, path: to };
  } catch (cause) {
    remove(unfinished);
    throw openingError(cause, databaseFile);
  }
}

/** The same on a thread of its own: for the process that serves. */
export function backupOnThread(options: BackupOptions): Promise<DatabaseReport> {
  const worker = new Worker(new URL('./backup-thread.ts', import.meta.url), {
    workerData: options,
    name: 'forerun backup',
    execArgv: [],
  });
  return new Promise((resolve, reject) => {
    worker.once('message', ({ report, error }: BackupAnswer) => {
      if (report !== undefined) resolve(report);
      else reject(new ForerunError(error?.code ?? 'internal', error?.message ?? 'The backup failed.'));
    });
    worker.once('error', reject);
    worker.once('exit', () =>
      reject(new ForerunError('internal', 'The thread of the backup ended before it had one.')),
    );
  });
}

export interface BackupAnswer {
  readonly report?: DatabaseReport;
  readonly error?: Pick<ForerunError, 'code' | 'message'>;
}

/**
 * Puts a backup in the place of a database, whose server must be stopped. Throws `not-found`, `database-corrupt` when the
 * backup is damaged, and `data-folder-unusable` when a server has the folder.
 */
export function restoreDatabase({ data, name = 'main', from }: RestoreOptions): Restored {
  if (!existsSync(from)) throw noDatabase(from);
  const report = checkDatabase(from);
  throwFirstProblem(report);
  const folder = openDataFolder(data, name);
  const { databaseFile, tokenKeyFile } = folder;
  const unfinished = `${databaseFile}.new`;
  try {
    copyFileSync(from, unfinished);
    const epoch = beginEpoch(unfinished, tokenKeyFile);
    syncFile(unfinished);
    const movedTo = moveAside(databaseFile);
    renameSync(unfinished, databaseFile);
    syncFolder(data);
    return { report, epoch, movedTo };
  } catch (cause) {
    remove(unfinished);
    throw openingError(cause, databaseFile);
  } finally {
    folder.release();
  }
}

function keepTokenKey(backup: string, tokenKeyFile: string): void {
  const db = new DatabaseSync(backup);
  try {
    db.exec(keyTable);
    const insert = db.prepare('INSERT INTO backup_of_forerun VALUES (?, ?)');
    if (existsSync(tokenKeyFile)) insert.run('token_key', readFileSync(tokenKeyFile, 'utf8'));
  } finally {
    db.close();
  }
}

/** Clients that were ahead of the backup must not go on from where they were. Gives the epoch. */
function beginEpoch(path: string, tokenKeyFile: string): string {
  const db = new DatabaseSync(path);
  try {
    const hasKey = db.prepare("SELECT 1 FROM sqlite_master WHERE name = 'backup_of_forerun'").get() !== undefined;
    const key = hasKey ? db.prepare("SELECT value FROM backup_of_forerun WHERE name = 'token_key'").get() : undefined;
    db.exec('PRAGMA synchronous = FULL; BEGIN IMMEDIATE');
    db.exec('DROP TABLE IF EXISTS backup_of_forerun');
    const meta = { ...readMeta(db, path), epoch: newEpoch() };
    writeMeta(db, meta);
    db.exec('COMMIT');
    // A folder that has a key keeps it: tokens that were given out since are good as well.
    if (key !== undefined && !existsSync(tokenKeyFile))
      writeFileSync(tokenKeyFile, String(key['value']), { mode: 0o600 });
    return meta.epoch;
  } finally {
    db.close();
  }
}

function newEpoch(): string {
  return Buffer.from(crypto.getRandomValues(new Uint8Array(8))).toString('hex');
}

/** With its write-ahead log: what SQLite would need to read it. */
function moveAside(databaseFile: string): string | undefined {
  if (!existsSync(databaseFile)) {
    for (const suffix of ['-wal', '-shm']) rmSync(databaseFile + suffix, { force: true });
    return undefined;
  }
  let number = 1;
  const aside = (): string => `${databaseFile}.before-restore-${number}`;
  while (existsSync(aside())) number++;
  // The log first: a database without it may lack what was acknowledged.
  for (const suffix of ['-wal', '-shm', ''])
    if (existsSync(databaseFile + suffix)) renameSync(databaseFile + suffix, aside() + suffix);
  return aside();
}

/** As far as it can be: it is not what is to be told of. */
function remove(path: string): void {
  try {
    rmSync(path, { force: true });
  } catch {
    // The folder is no folder, or not ours.
  }
}

function syncFile(path: string): void {
  const file = openSync(path, 'r+');
  try {
    fsyncSync(file);
  } finally {
    closeSync(file);
  }
}

function noDatabase(path: string): ForerunError {
  return new ForerunError('not-found', `There is no database ${path}. Check the folder and the name of the database.`, {
    detail: { path },
  });
}

function unwritable(path: string, problem: string): ForerunError {
  return new ForerunError('data-folder-unusable', `${path} can't be written: ${problem}.`, { detail: { path } });
}
