/**
 * The SQLite file of a database: made, opened and checked. `docs/log-format.md` describes what is in it.
 *
 * Laws: a file under its own name is complete, because it is made under another name and renamed; so an empty or foreign
 * file is never taken for a new database. What is found damaged is refused and left as it is.
 */

import { closeSync, existsSync, fsyncSync, openSync, renameSync, rmSync, statSync } from 'node:fs';
import { dirname } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { crc32 } from 'node:zlib';
import { createTable, quote } from '../../core/engine/ddl.ts';
import { ForerunError } from '../../core/errors.ts';
import type { TableDefinition } from '../../core/module/definition.ts';
import { isStored, type ModuleDescription } from '../module-change.ts';
import { createBookkeeping } from './bookkeeping.ts';
import { rowChecksum } from './checksum.ts';
import { corrupt, openingError } from './storage-error.ts';
import { checkWal } from './wal-check.ts';

/** 'FoRe': tells our files from other SQLite databases. */
const applicationId = 0x466f_5265;

/**
 * Version of the file's layout. Whoever changes it raises this, writes a line here and reads the older ones.
 *
 * | format | what changed |
 * | --- | --- |
 * | 1 | the first |
 */
export const fileFormat = 1;

/** What a database is born with and keeps. Hex digits: 16, 64 and 32. */
export interface DatabaseBirth {
  readonly epoch: string;
  readonly databaseIdentity: string;
  /** Never leaves the authority. */
  readonly secret: string;
}

export interface DatabaseMeta extends DatabaseBirth {
  readonly module: ModuleDescription;
  /** The log up to this batch was written by an earlier version of the module, and can't be read with this one's types. */
  readonly describedAfter: number;
  /** The tables in the file hold at least the batches up to this one; clients, leases and connections exactly these. */
  readonly tablesBatch: number;
  readonly tablesSeq: number;
}

/** Larger files have only their tables checked as they are opened: the log's batches have checksums of their own. */
const wholeCheckBytesMax = 256 * 1024 * 1024;

/** Pages of write-ahead log after which an append copies them itself, if `SqliteStorage` could not before. */
const checkpointPagesMax = 4_000;

const logTable =
  'CREATE TABLE _forerun_log (number INTEGER PRIMARY KEY, first_seq INTEGER NOT NULL, commit_count INTEGER NOT NULL, checksum INTEGER NOT NULL, bytes BLOB NOT NULL)';
const metaTable =
  'CREATE TABLE _forerun_meta (name TEXT PRIMARY KEY, value TEXT NOT NULL, checksum INTEGER NOT NULL) WITHOUT ROWID';

/** Makes the file if there is none. Throws `data-folder-unusable`. */
export function createDatabaseFile(path: string, birth: DatabaseBirth, module: ModuleDescription): void {
  if (existsSync(path)) return;
  const unfinished = `${path}.new`;
  try {
    for (const suffix of ['', '-journal']) rmSync(unfinished + suffix, { force: true });
    const db = new DatabaseSync(unfinished);
    try {
      db.exec(
        `PRAGMA synchronous = FULL; PRAGMA application_id = ${applicationId}; PRAGMA user_version = ${fileFormat}`,
      );
      db.exec('BEGIN');
      db.exec(logTable);
      db.exec(metaTable);
      createBookkeeping(db);
      createModuleTables(db, module.tables);
      writeMeta(db, { ...birth, module, describedAfter: 0, tablesBatch: 0, tablesSeq: 0 });
      db.exec('COMMIT');
    } finally {
      db.close();
    }
    renameSync(unfinished, path);
    syncFolder(dirname(path));
  } catch (cause) {
    throw openingError(cause, path);
  }
}

/** Opens it for writing, after every check. Throws `database-corrupt` or `data-folder-unusable`. */
export function openDatabaseFile(path: string): DatabaseSync {
  let db: DatabaseSync | undefined;
  try {
    if (statSync(path).size === 0) throw corrupt(path, 'the file is empty');
    checkWal(path);
    checkFile(path);
    db = new DatabaseSync(path);
    checkHeader(db, path);
    db.exec(
      'PRAGMA busy_timeout = 1000; PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA cache_size = -8000',
    );
    db.exec(`PRAGMA wal_autocheckpoint = ${checkpointPagesMax}`);
    checkWritable(db);
    return db;
  } catch (cause) {
    if (db !== undefined) closeUnchanged(db, path);
    throw openingError(cause, path);
  }
}

/** Of a file that was found damaged: whoever closes it last copies the write-ahead log into it, if it may write. */
export function closeUnchanged(db: DatabaseSync, path: string): void {
  let last: DatabaseSync | undefined;
  try {
    last = new DatabaseSync(path, { readOnly: true });
    last.exec('BEGIN; SELECT 1 FROM sqlite_master');
  } catch {
    // So broken that it can't be read; then nothing is copied into it either.
  }
  db.close();
  last?.close();
}

/** By a connection that only reads: one that may write copies the write-ahead log into a damaged file when it is closed. */
function checkFile(path: string): void {
  // What a stop left of the file's first start is put right by who may write.
  const db = existsSync(`${path}-journal`) ? new DatabaseSync(path) : new DatabaseSync(path, { readOnly: true });
  try {
    checkHeader(db, path);
    checkPages(db, path);
  } finally {
    db.close();
  }
}

/** A second connection, for reading beside the one that writes. */
export function openForReading(path: string): DatabaseSync {
  try {
    const db = new DatabaseSync(path, { readOnly: true });
    db.exec('PRAGMA cache_size = -16000');
    return db;
  } catch (cause) {
    throw openingError(cause, path);
  }
}

export function createModuleTables(db: DatabaseSync, tables: readonly TableDefinition[]): void {
  for (const table of tables.filter(isStored)) {
    db.exec(createTable(table));
    db.exec(`ALTER TABLE ${quote(table.name)} ADD COLUMN _checksum INTEGER`);
  }
}

export function readMeta(db: DatabaseSync, path: string): DatabaseMeta {
  const values = new Map<string, string>();
  for (const row of db.prepare('SELECT name, value, checksum FROM _forerun_meta').all()) {
    const { name, value, checksum } = row;
    if (typeof name !== 'string' || typeof value !== 'string' || checksum !== rowChecksum([name, value])) {
      throw corrupt(path, 'an entry of _forerun_meta does not match its checksum');
    }
    values.set(name, value);
  }
  const text = (name: string): string => values.get(name) ?? missing(name);
  const missing = (name: string): never => {
    throw corrupt(path, `_forerun_meta lacks ${name}`);
  };
  // Written by `writeMeta` from the same type, and unchanged since, as the checksum says.
  const module = JSON.parse(text('module')) as ModuleDescription;
  if (Number(text('schema_checksum')) !== schemaChecksum(db, module))
    throw corrupt(path, 'its tables are not those it was made with');
  return {
    epoch: text('epoch'),
    databaseIdentity: text('database_identity'),
    secret: text('secret'),
    module,
    describedAfter: Number(text('described_after')),
    tablesBatch: Number(text('tables_batch')),
    tablesSeq: Number(text('tables_seq')),
  };
}

/** In the caller's transaction; the tables must be there already. */
export function writeMeta(db: DatabaseSync, meta: DatabaseMeta): void {
  const values = {
    epoch: meta.epoch,
    database_identity: meta.databaseIdentity,
    secret: meta.secret,
    module: JSON.stringify(meta.module),
    described_after: String(meta.describedAfter),
    tables_batch: String(meta.tablesBatch),
    tables_seq: String(meta.tablesSeq),
    schema_checksum: String(schemaChecksum(db, meta.module)),
  };
  for (const [name, value] of Object.entries(values)) writeMetaValue(db, name, value);
}

export function writeTablesPosition(db: DatabaseSync, batchNumber: number, seq: number): void {
  writeMetaValue(db, 'tables_batch', String(batchNumber));
  writeMetaValue(db, 'tables_seq', String(seq));
}

function writeMetaValue(db: DatabaseSync, name: string, value: string): void {
  db.prepare('INSERT OR REPLACE INTO _forerun_meta VALUES (?, ?, ?)').run(name, value, rowChecksum([name, value]));
}

/** Of the text of our own tables; whoever adds an index or a view of their own may. */
function schemaChecksum(db: DatabaseSync, module: ModuleDescription): number {
  const names = new Set(module.tables.filter(isStored).map(({ name }) => name));
  const tables = db.prepare("SELECT name, sql FROM sqlite_master WHERE type = 'table' ORDER BY name").all();
  const own = tables.filter(
    ({ name }) => typeof name === 'string' && (names.has(name) || name.startsWith('_forerun_')),
  );
  return crc32(own.map(({ sql }) => String(sql)).join('\n'));
}

export function checkHeader(db: DatabaseSync, path: string): void {
  const value = (pragma: string): unknown => Object.values(db.prepare(`PRAGMA ${pragma}`).get() ?? {})[0];
  if (value('application_id') !== applicationId) {
    throw corrupt(path, 'it is not a database of Forerun, or its first page is broken');
  }
  const format = value('user_version');
  if (format !== fileFormat) {
    throw new ForerunError(
      'data-folder-unusable',
      `${path} has the format ${format}; this version of Forerun reads ${fileFormat}. Start it with the version that wrote it.`,
      { detail: { path } },
    );
  }
  if (value('encoding') !== 'UTF-8') throw corrupt(path, 'its text encoding is not the one it was made with');
}

function checkPages(db: DatabaseSync, path: string): void {
  const check = (of: string): void => {
    const result = Object.values(db.prepare(`PRAGMA quick_check${of}`).get() ?? {})[0];
    if (result !== 'ok') throw corrupt(path, String(result));
  };
  if (statSync(path).size <= wholeCheckBytesMax) {
    check('');
    return;
  }
  const tables = db.prepare("SELECT name FROM sqlite_master WHERE type = 'table' AND name <> '_forerun_log'").all();
  for (const { name } of tables) check(`(${quote(String(name))})`);
}

/** Finds a read-only file or disk now and not at the first call. */
function checkWritable(db: DatabaseSync): void {
  db.exec(`BEGIN IMMEDIATE; PRAGMA user_version = ${fileFormat}; COMMIT`);
}

/** The rename survives power loss only once its folder does. */
export function syncFolder(path: string): void {
  const folder = openSync(path, 'r');
  try {
    fsyncSync(folder);
  } finally {
    closeSync(folder);
  }
}
