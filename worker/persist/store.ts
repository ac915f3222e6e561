/**
 * Where a client keeps what outlives a reload: records of bytes under numbers, in a few sections. What the bytes mean is
 * `stored-format.ts`'s.
 *
 * Law: a write takes effect as one or not at all, after those before it, and what a resolved write put there is there
 * after a crash. Whoever opens a store is its owner until somebody else opens it: from then on the older owner's writes
 * are refused, so that two hosts that both believe to be the only one can't mix their states. Implementations pass
 * `test/contract/client-store.ts`.
 */

import { ForerunError } from '../../core/errors.ts';

export type Section = 'state' | 'calls' | 'changes' | 'image';
export const sections: readonly Section[] = ['state', 'calls', 'changes', 'image'];

export interface StoredRecord {
  readonly section: Section;
  readonly key: number;
  readonly value: Uint8Array;
}

/** Keys from here on are of no record: a store gives them to what it can't read, and can't tell what it was. */
export const damagedKeyMin: number = 2 ** 52;

/** First the removals, then the puts. */
export interface StoreWrite {
  readonly remove: readonly KeyRange[];
  readonly put: readonly StoredRecord[];
}

/** Both ends belong to it. */
export interface KeyRange {
  readonly section: Section;
  readonly from: number;
  readonly to: number;
}

export interface ClientStore {
  readonly kind: 'indexedDB' | 'folder' | 'memory';
  /** Makes the caller the owner and gives every record, by section and key. Once, first. Rejects like `write`. */
  readonly open: () => Promise<readonly StoredRecord[]>;
  /** Rejects with `storage-unavailable`, `replica-taken` when somebody else is the owner; nothing of it is kept then. */
  readonly write: (write: StoreWrite) => Promise<void>;
  /** Removes everything, so that its bytes can't be read there either where that is ours to say. Rejects like `write`. */
  readonly wipe: () => Promise<void>;
  /** Calls back once when the storage goes away by itself: deleted, or wanted by another version. */
  readonly onLost: (listener: (reason: string) => void) => void;
  readonly close: () => void;
}

export interface StorePlace {
  /** Names the replica on this device. */
  readonly replica: string;
  /** Of a Node client. */
  readonly folder: string | undefined;
}

/** Of everything. */
export const removal: StoreWrite = {
  remove: sections.map((section) => ({ section, from: 0, to: Number.MAX_SAFE_INTEGER })),
  put: [],
};

/** Lives as long as the object, which can be opened again and again. */
export function memoryStore(): ClientStore {
  const records = new Map<Section, Map<number, Uint8Array>>(sections.map((section) => [section, new Map()]));
  return {
    kind: 'memory',
    open: async () => recordsOf(records),
    write: async (write) => void applyWrite(records, write),
    wipe: async () => void applyWrite(records, removal),
    onLost: () => {},
    close: () => {},
  };
}

/** In the order that `ClientStore.open` promises. */
export function recordsOf(records: ReadonlyMap<Section, ReadonlyMap<number, Uint8Array>>): StoredRecord[] {
  return sections.flatMap((section) =>
    [...(records.get(section) ?? [])]
      .sort(([a], [b]) => a - b)
      .map(([key, value]) => ({ section, key, value: value.slice() })),
  );
}

/** A record with what it takes to keep it. */
export function recordBytes({ length }: Uint8Array): number {
  return length + 32;
}

/** Gives by how many bytes the records are more than before. */
export function applyWrite(
  records: ReadonlyMap<Section, Map<number, Uint8Array>>,
  { remove, put }: StoreWrite,
): number {
  let bytes = 0;
  for (const { section, from, to } of remove) {
    const known = records.get(section);
    for (const [key, value] of known ?? []) {
      if (key < from || key > to) continue;
      known?.delete(key);
      bytes -= recordBytes(value);
    }
  }
  for (const { section, key, value } of put) {
    const known = records.get(section);
    const before = known?.get(key);
    bytes += recordBytes(value) - (before === undefined ? 0 : recordBytes(before));
    known?.set(key, value.slice());
  }
  return bytes;
}

export function replicaTaken(): ForerunError {
  return new ForerunError(
    'replica-taken',
    'Another tab or process has taken over what this client keeps on the device. Close one of the two, or give each its own database name or folder.',
  );
}

export function storageUnavailable(reason: string, cause?: unknown): ForerunError {
  return new ForerunError(
    'storage-unavailable',
    `What this client does can't be kept on this device: ${reason}. It goes on in memory; calls that are not answered yet would be lost by a reload.`,
    { cause },
  );
}
