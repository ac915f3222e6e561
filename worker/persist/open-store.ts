/** The store that a client's home has to offer: IndexedDB in a page or worker, a folder in Node when it is asked for. */

import { openIndexedStore } from './indexed-store.ts';
import type { ClientStore, StorePlace } from './store.ts';

/** Undefined where nothing is to be kept: in Node without a folder. Rejects with `storage-unavailable`. */
export async function openStore({ replica, folder }: StorePlace): Promise<ClientStore | undefined> {
  if (folder !== undefined) {
    // Loaded where it is asked for, so that no browser does.
    const { folderOf, openFolderStore } = await import('./folder-store.ts');
    return openFolderStore(folderOf(folder, replica));
  }
  return typeof indexedDB === 'undefined' ? undefined : openIndexedStore(replica);
}
