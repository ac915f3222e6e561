/**
 * The folder that holds a database: `<name>.sqlite`, the key that signs tokens, and `lock`.
 *
 * Law: one server has a folder at a time. The lock is SQLite's own exclusive lock on the empty database file `lock`: the
 * kernel gives it up with the process, however that ends, so nothing is left behind that someone would have to delete;
 * and SQLite keeps it apart between two servers in one process, which a bare file lock would not.
 */

import { existsSync, mkdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { ForerunError } from '../../core/errors.ts';

export interface DataFolder {
  readonly path: string;
  readonly databaseFile: string;
  readonly tokenKeyFile: string;
  readonly diagnosticsFile: string;
  /** Where the server that has it listens, while it does. */
  readonly addressFile: string;
  /** Lets others have the folder. */
  readonly release: () => void;
}

const databaseName = /^[a-z0-9][a-z0-9_-]{0,62}$/i;
const sqliteBusy = 5;
const sqliteNotDatabase = 26;

/** Makes the folder if need be, and locks it. Throws `data-folder-unusable`. */
export function openDataFolder(path: string, name: string): DataFolder {
  if (!databaseName.test(name)) {
    throw new ForerunError(
      'data-folder-unusable',
      `The database name '${name}' can't be a file name: use at most 63 letters, digits, '-' and '_'.`,
    );
  }
  try {
    makeFolder(resolve(path));
  } catch (cause) {
    throw unusable(path, 'can not be created', cause);
  }
  const release = lock(path);
  return {
    path,
    ...filesIn(path, name),
    release,
  };
}

/** Also for who reads them without having the folder. */
export function filesIn(path: string, name: string): Omit<DataFolder, 'path' | 'release'> {
  return {
    databaseFile: join(path, `${name}.sqlite`),
    tokenKeyFile: join(path, 'token-key.json'),
    diagnosticsFile: join(path, `${name}.diagnostics.ndjson`),
    addressFile: join(path, 'address.json'),
  };
}

/**
 * With the folders above it, one by one from the first that is there: Node's own way of making all of them never ends
 * where the system says of a folder that it is there, and of one in it that there is none above it, as in /proc.
 */
function makeFolder(path: string): void {
  if (existsSync(path)) {
    if (!statSync(path).isDirectory()) throw new Error('it is a file');
    return;
  }
  makeFolder(dirname(path));
  mkdirSync(path, { mode: 0o700 });
}

/** How to reach the server that has a folder. */
export interface ServerAddress {
  readonly url: string;
  readonly pid: number;
}

/** For tools of the owner; who can't be told is asked for the address. */
export function writeAddress(file: string, address: ServerAddress): void {
  try {
    writeFileSync(file, JSON.stringify(address), { mode: 0o600 });
  } catch {
    // Serving goes on without it.
  }
}

export function removeAddress(file: string): void {
  try {
    rmSync(file, { force: true });
  } catch {
    // Of something in its place that is not ours.
  }
}

/** Undefined where no server has written one. It may be of one that was killed. */
export function readAddress(file: string): ServerAddress | undefined {
  try {
    const { url, pid } = JSON.parse(readFileSync(file, 'utf8'));
    return typeof url === 'string' && typeof pid === 'number' ? { url, pid } : undefined;
  } catch {
    return undefined;
  }
}

function lock(path: string): () => void {
  try {
    const file = new DatabaseSync(join(path, 'lock'));
    try {
      file.exec('BEGIN EXCLUSIVE');
    } catch (cause) {
      file.close();
      throw cause;
    }
    return () => {
      if (file.isOpen) file.close();
    };
  } catch (cause) {
    const { errcode } = cause as { errcode?: unknown };
    if (errcode === sqliteNotDatabase)
      throw new ForerunError(
        'data-folder-unusable',
        `The file ${join(path, 'lock')} is damaged, or not of this program. It holds no data: delete it, and start again.`,
        { detail: { path }, cause },
      );
    if (errcode !== sqliteBusy) throw unusable(path, 'can not be written', cause);
    throw new ForerunError(
      'data-folder-unusable',
      `Another server has the data folder ${path} open. Stop it first, or give this one a folder of its own.`,
      { detail: { path } },
    );
  }
}

function unusable(path: string, problem: string, cause: unknown): ForerunError {
  const reason = cause instanceof Error ? cause.message : String(cause);
  return new ForerunError(
    'data-folder-unusable',
    `The data folder ${path} ${problem} (${reason}). Choose another with the option data, or make it writable for this user.`,
    { detail: { path }, cause },
  );
}
