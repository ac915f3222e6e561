/**
 * Who has a Node client's folder, of several processes that may use it at the same instant.
 *
 * Law: what is done in `alone` is done by one of them at a time. The lock is SQLite's own, on a database file that holds
 * nothing but the number of the present owner: the kernel gives it up with the process, however that ends, and two
 * clients of one process are kept apart as well.
 */

import { limits } from '../../core/limits.ts';

/** Asked of Node itself, so that bundlers of pages don't look for it. */
const nodeSqlite = () => globalThis.process?.getBuiltinModule?.('node:sqlite');
type DatabaseSync = InstanceType<NonNullable<ReturnType<typeof nodeSqlite>>['DatabaseSync']>;

export class FolderLock {
  readonly #file: DatabaseSync;

  private constructor(file: DatabaseSync) {
    this.#file = file;
  }

  /** Undefined where Node is too old for it. */
  static open(path: string): FolderLock | undefined {
    const sqlite = nodeSqlite();
    if (sqlite === undefined) return undefined;
    const file = new sqlite.DatabaseSync(path);
    file.exec(`PRAGMA busy_timeout = ${limits.storageMsMax}`);
    return new FolderLock(file);
  }

  /** `own` makes the caller the owner, by a number that is above all before it. */
  alone<T>(act: (lock: { readonly owner: number; readonly own: () => number }) => T): T {
    this.#file.exec('BEGIN IMMEDIATE');
    try {
      const { user_version: owner } = this.#file.prepare('PRAGMA user_version').get() as { user_version: number };
      const result = act({
        owner,
        own: () => {
          this.#file.exec(`PRAGMA user_version = ${owner + 1}`);
          return owner + 1;
        },
      });
      this.#file.exec('COMMIT');
      return result;
    } catch (error) {
      if (this.#file.isTransaction) this.#file.exec('ROLLBACK');
      throw error;
    }
  }

  close(): void {
    if (this.#file.isOpen) this.#file.close();
  }
}
