/**
 * A client's store in IndexedDB, and the one door to `idb`.
 *
 * One object store per section, with numbers as keys. `owner` holds, under 0, the number of the present owner, and every
 * owner's number as a key of its own. Writes are strict: a call that was sent must not be forgotten by a loss of power, or
 * its number would be given again. Version 1 held only the token, in `meta`.
 *
 * Law: no transaction waits for this thread. All that is asked of one is asked in one go, and its end with it: a tab that
 * is frozen in the middle would hold it open, and every other tab's start would wait behind it. So a write does not look
 * who the owner is; it adds the number after its own, which fails, and the whole write with it, when somebody has it.
 */

import { type DBSchema, type IDBPDatabase, openDB } from 'idb';
import { limits } from '../../core/limits.ts';
import {
  type ClientStore,
  removal,
  replicaTaken,
  type Section,
  sections,
  storageUnavailable,
  type StoredRecord,
  type StoreWrite,
} from './store.ts';
import { tokenRecord } from './stored-format.ts';

/** Of the object stores; what the records hold has a version of its own. */
export const layoutVersion = 2;

interface StoredSchema extends DBSchema {
  state: { key: number; value: Uint8Array };
  calls: { key: number; value: Uint8Array };
  changes: { key: number; value: Uint8Array };
  image: { key: number; value: Uint8Array };
  owner: { key: number; value: number };
}

type Database = IDBPDatabase<StoredSchema>;

/** So many owners ago, one that still writes would not be refused. */
const ownersKept = 1_000;

const nameOf = (replica: string): string => `forerun/${replica}`;

/** Rejects with `storage-unavailable`: private mode, a full disk, another version of the app that does not let go. */
export async function openIndexedStore(replica: string): Promise<ClientStore> {
  const opened = Promise.withResolvers<Database>();
  const lost = new Lost();
  const opening = openDatabase(replica, lost, () =>
    opened.reject(storageUnavailable('an older version of this app is open in another tab, close it')),
  );
  const timer = setTimeout(
    () => opened.reject(storageUnavailable('the browser does not open its IndexedDB')),
    limits.storageMsMax,
  );
  opening.then(opened.resolve, (cause: unknown) => opened.reject(storageUnavailable(reasonOf(cause), cause)));
  try {
    return new IndexedStore(await opened.promise, lost);
  } catch (error) {
    // Should it open after all.
    opening.then((db) => db.close()).catch(() => {});
    throw error;
  } finally {
    clearTimeout(timer);
  }
}

/** Also what is thrown at once, as where IndexedDB is forbidden, comes as a rejection. */
async function openDatabase(replica: string, lost: Lost, blocked: () => void): Promise<Database> {
  return openDB<StoredSchema>(nameOf(replica), layoutVersion, {
    upgrade: async (db, oldVersion, _, transaction) => {
      for (const section of sections) if (!db.objectStoreNames.contains(section)) db.createObjectStore(section);
      if (!db.objectStoreNames.contains('owner')) db.createObjectStore('owner');
      if (oldVersion !== 1) return;
      // Its schema is not that of this version.
      const token: unknown = await (transaction as unknown as OldTransaction).objectStore('meta').get('token');
      if (typeof token === 'string') await transaction.objectStore('state').put(...entryOf(tokenRecord(token)));
      (db as unknown as IDBPDatabase).deleteObjectStore('meta');
    },
    blocked,
    blocking: (_, newVersion, event) => {
      // Who wants it waits for this one, which must not hold them up.
      (event.target as IDBDatabase).close();
      lost.tell(
        newVersion === null ? 'it was deleted' : 'a newer version of this app has taken it over, reload this page',
      );
    },
    terminated: () => lost.tell('the browser has closed or deleted it'),
  });
}

interface OldTransaction {
  readonly objectStore: (name: string) => { readonly get: (key: string) => Promise<unknown> };
}

/** Tells one listener once, also one that comes late. */
class Lost {
  #reason: string | undefined;
  #listener: ((reason: string) => void) | undefined;

  tell(reason: string): void {
    if (this.#reason !== undefined) return;
    this.#reason = reason;
    this.#listener?.(reason);
  }

  listen(listener: (reason: string) => void): void {
    this.#listener = listener;
    if (this.#reason !== undefined) listener(this.#reason);
  }
}

class IndexedStore implements ClientStore {
  readonly kind = 'indexedDB';
  readonly #db: Database;
  readonly #lost: Lost;
  #owner = 0;

  constructor(db: Database, lost: Lost) {
    this.#db = db;
    this.#lost = lost;
  }

  async open(): Promise<readonly StoredRecord[]> {
    return inTime(async () => {
      const transaction = this.#db.transaction([...sections, 'owner' as const], 'readwrite', { durability: 'strict' });
      const owners = transaction.objectStore('owner');
      const last = owners.get(0);
      const contents = sections.map((section) => {
        const store = transaction.objectStore(section);
        return Promise.all([store.getAllKeys(), store.getAll()]);
      });
      // Those that fail do so with the transaction.
      for (const content of contents) content.catch(() => {});
      // The one answer that it waits for; all else is asked already, so that the end can be asked with what follows.
      const owner = (this.#owner = ((await last) ?? 0) + 1);
      const requests = [
        owners.put(owner, 0),
        owners.put(owner, owner),
        owners.delete(IDBKeyRange.bound(1, Math.max(1, owner - ownersKept))),
      ];
      transaction.commit();
      await Promise.all([transaction.done, ...requests]);
      const read = await Promise.all(contents);
      return read.flatMap(([keys, values], i) =>
        keys.map((key, at) => ({ section: sections[i] as Section, key, value: bytesOf(values[at]) })),
      );
    });
  }

  async write({ remove, put }: StoreWrite): Promise<void> {
    return inTime(async () => {
      const touched = new Set<Section>([...remove, ...put].map(({ section }) => section));
      const transaction = this.#db.transaction([...touched, 'owner' as const], 'readwrite', { durability: 'strict' });
      const owners = transaction.objectStore('owner');
      const next = this.#owner + 1;
      const isTaken = owners.add(next, next).then(
        () => false,
        (error: unknown) => error instanceof DOMException && error.name === 'ConstraintError',
      );
      const requests: Promise<unknown>[] = [owners.delete(next)];
      try {
        for (const { section, from, to } of remove)
          requests.push(transaction.objectStore(section).delete(IDBKeyRange.bound(from, to)));
        for (const record of put) requests.push(transaction.objectStore(record.section).put(...entryOf(record)));
        transaction.commit();
      } catch (error) {
        // Half of it is asked.
        for (const each of [transaction.done, ...requests]) each.catch(() => {});
        transaction.abort();
        throw error;
      }
      try {
        await Promise.all([transaction.done, ...requests]);
      } catch (error) {
        throw (await isTaken) ? replicaTaken() : error;
      }
    });
  }

  wipe(): Promise<void> {
    return this.write(removal);
  }

  onLost(listener: (reason: string) => void): void {
    this.#lost.listen(listener);
  }

  close(): void {
    this.#db.close();
  }
}

function entryOf({ key, value }: StoredRecord): [Uint8Array, number] {
  // Of a view into something larger, all of that would be kept.
  return [value.byteLength === value.buffer.byteLength ? value : value.slice(), key];
}

/** What is no bytes is nobody's of ours; the checksums refuse it. */
function bytesOf(value: unknown): Uint8Array {
  return value instanceof Uint8Array ? value : new Uint8Array();
}

/** A transaction can wait for ever behind one of a tab that is frozen. */
async function inTime<T>(act: () => Promise<T>): Promise<T> {
  const late = Promise.withResolvers<never>();
  const timer = setTimeout(
    () => late.reject(storageUnavailable('the browser does not carry out what is asked of its IndexedDB')),
    limits.storageMsMax,
  );
  const acting = act();
  // If it fails after it was given up.
  acting.catch(() => {});
  try {
    return await Promise.race([acting, late.promise]);
  } catch (error) {
    const { code } = error as { readonly code?: unknown };
    if (code === 'replica-taken' || code === 'storage-unavailable') throw error;
    throw storageUnavailable(reasonOf(error), error);
  } finally {
    clearTimeout(timer);
  }
}

function reasonOf(cause: unknown): string {
  if (!(cause instanceof Error)) return 'the browser refuses';
  if (cause.name === 'QuotaExceededError') return 'the browser has no room left for it';
  return `the browser refuses (${cause.name}: ${cause.message})`;
}
