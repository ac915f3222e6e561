/**
 * What a client keeps on its device, and the one door to `idb`. So far: the token by which the authority knows it again.
 *
 * Where there is no IndexedDB (Node), or it refuses (private mode, a full disk), a client works in memory.
 */

import { type DBSchema, type IDBPDatabase, openDB } from 'idb';

export interface ClientStore {
  readonly token: () => Promise<string>;
  readonly putToken: (token: string) => Promise<void>;
  readonly close: () => void;
}

/** Version of what is stored; see `stored-format.ts` for what each added. */
export const storedVersion = 1;

interface StoredSchema extends DBSchema {
  meta: { key: string; value: string };
}

/** Never rejects: what can't be stored is kept in memory. */
export async function openStore(database: string): Promise<ClientStore> {
  if (typeof indexedDB === 'undefined') return memoryStore();
  try {
    return indexedStore(
      await openDB<StoredSchema>(`forerun/${database}`, storedVersion, {
        upgrade: (db) => {
          db.createObjectStore('meta');
        },
      }),
    );
  } catch {
    return memoryStore();
  }
}

export function memoryStore(): ClientStore {
  let token = '';
  return {
    token: async () => token,
    putToken: async (value) => {
      token = value;
    },
    close: () => {},
  };
}

function indexedStore(db: IDBPDatabase<StoredSchema>): ClientStore {
  const memory = memoryStore();
  return {
    token: async () => (await db.get('meta', 'token').catch(() => undefined)) ?? memory.token(),
    putToken: async (value) => {
      await memory.putToken(value);
      await db.put('meta', value, 'token').catch(() => undefined);
    },
    close: () => db.close(),
  };
}
