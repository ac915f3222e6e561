/**
 * Names: which are refused. What those in a module become in SQL and on the wire is in `canonical-name.ts`.
 *
 * Law: every name that reaches SQL is an identifier in Unicode's sense, and no two differ by case alone, since SQLite
 * does not tell those apart. Words of SQL are allowed: whoever writes SQL by hand puts them in double quotes.
 */

import { ForerunError } from '../errors.ts';

const identifier = /^[\p{XID_Start}_]\p{XID_Continue}*$/u;

/** Throws module-invalid unless this can be the name of something in SQL or on the wire. `place` begins the message. */
export function checkName(name: string, place: string): void {
  if (name.normalize('NFC') !== name) {
    throw new ForerunError(
      'module-invalid',
      `${place}: the name '${name}' is not in Unicode's normal form C: write it with .normalize('NFC').`,
    );
  }
  if (!identifier.test(name)) {
    throw new ForerunError(
      'module-invalid',
      `${place}: '${name}' can't be a name: begin with a letter and go on with letters, digits and underscores, or give another one with name.`,
    );
  }
  if (name.toLowerCase() === '__proto__') {
    throw new ForerunError('module-invalid', `${place}: '${name}' has a meaning in JavaScript: choose another name.`);
  }
}

const reservedTablePrefixes: readonly string[] = ['sqlite_', 'st_', '_'];

/** Throws module-invalid unless this can be the name of a table or a view in SQL. */
export function checkTableName(name: string, place: string): void {
  checkName(name, place);
  const prefix = reservedTablePrefixes.find((reserved) => name.toLowerCase().startsWith(reserved));
  if (prefix === undefined) return;
  throw new ForerunError(
    'module-invalid',
    `${place}: '${name}' begins with '${prefix}', which is kept for system tables: give another name.`,
  );
}

/** SQLite's own, and the checksum of a row in the database file. */
const reservedColumns: readonly string[] = ['_rowid_', '_checksum'];

/** Throws module-invalid unless this can be the name of a column in SQL. */
export function checkColumnName(name: string, place: string): void {
  checkName(name, place);
  if (!reservedColumns.includes(name.toLowerCase())) return;
  throw new ForerunError(
    'module-invalid',
    `${place}: '${name}' is a column of the database's own: give another name with .name('…').`,
  );
}

/** Names of one namespace of SQL, and who has them. */
export class TakenNames {
  readonly #owners = new Map<string, string>();

  /** Throws module-invalid when the name is taken. */
  take(name: string, owner: string): void {
    const other = this.#owners.get(name.toLowerCase());
    if (other !== undefined) {
      throw new ForerunError(
        'module-invalid',
        `${owner}: the name '${name}' is taken by ${other}: give one of them another name.`,
      );
    }
    this.#owners.set(name.toLowerCase(), owner);
  }

  /** A made-up name; a number is put after it when it is taken. */
  takeSimilar(name: string, owner: string): string {
    let free = name;
    for (let n = 2; this.#owners.has(free.toLowerCase()); n++) free = `${name}_${n}`;
    this.take(free, owner);
    return free;
  }
}
