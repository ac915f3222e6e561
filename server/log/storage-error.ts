/** What SQLite and the file system complain of, in our words: what is broken, and what to do about it. */

import { ForerunError } from '../../core/errors.ts';

/** Primary result codes of SQLite: the low byte of an error's `errcode`. */
const primary = { busy: 5, locked: 6, readonly: 8, ioerr: 10, full: 13, cantopen: 14 } as const;

const outside: ReadonlySet<number> = new Set(Object.values(primary));

/** While a database file is opened or read. Whatever is not the disk's or another program's doing is the file's. */
export function openingError(cause: unknown, path: string): ForerunError {
  if (cause instanceof ForerunError) return cause;
  const code = primaryCode(cause);
  if (code === primary.busy || code === primary.locked) {
    return new ForerunError(
      'data-folder-unusable',
      `Another program keeps ${path} locked. Close it and start again; reading the file in the sqlite3 shell is fine.`,
      { cause },
    );
  }
  // A number that no column of ours can hold.
  const isOutOfRange = (cause as { code?: unknown } | null)?.code === 'ERR_OUT_OF_RANGE';
  if (!isOutOfRange && (code === undefined || outside.has(code))) {
    return new ForerunError(
      'data-folder-unusable',
      `${path} can't be read and written: ${messageOf(cause)}. Check the disk and the file's permissions.`,
      { cause },
    );
  }
  return corrupt(path, messageOf(cause), cause);
}

export function corrupt(path: string, problem: string, cause?: unknown): ForerunError {
  return new ForerunError(
    'database-corrupt',
    `The database ${path} is damaged: ${problem}. It was left as it is. Restore a backup with: forerun restore.`,
    { detail: { path }, ...(cause !== undefined && { cause }) },
  );
}

/** While the log is written. */
export function appendError(cause: unknown): ForerunError {
  if (cause instanceof ForerunError) return cause;
  const hint = primaryCode(cause) === primary.full ? 'Make room on the disk' : 'Check the disk';
  return new ForerunError('log-unavailable', `The log can't be written: ${messageOf(cause)}. ${hint}.`, { cause });
}

function primaryCode(cause: unknown): number | undefined {
  const code = (cause as { errcode?: unknown } | null)?.errcode;
  return typeof code === 'number' ? code & 0xff : undefined;
}

function messageOf(cause: unknown): string {
  return cause instanceof Error ? cause.message : String(cause);
}
