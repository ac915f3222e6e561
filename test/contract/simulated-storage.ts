/**
 * The storage of one simulated device: it outlives the clients that use it, and a crash loses what was not yet written,
 * which may be the whole of a write or none of it, never a part.
 */

import {
  applyWrite,
  type ClientStore,
  recordsOf,
  removal,
  replicaTaken,
  type Section,
  sections,
  storageUnavailable,
  type StoreWrite,
} from '../../worker/persist/store.ts';

export type StoragePoint = 'before a device write' | 'after a device write';

/** Carries a write out later: a timer of the simulation; at once by default. */
export type WriteSoon = (write: () => void) => void;

export class SimulatedStorage {
  /** Writes are refused, as by a quota. */
  isFull = false;
  /** How many writes took effect. */
  writes = 0;
  /** Told at each of these moments of a write, before anything of the next one happens. */
  onPoint: (point: StoragePoint) => void = () => {};
  readonly #records = new Map<Section, Map<number, Uint8Array>>(sections.map((section) => [section, new Map()]));
  readonly #soon: WriteSoon;
  #owner = 0;

  constructor(soon: WriteSoon = (write) => write()) {
    this.#soon = soon;
  }

  /** A store over it. `isAlive`: when it says no, the process that used it is gone, and its writes with it. */
  connect(isAlive: () => boolean = () => true): ClientStore {
    let owner = 0;
    // In order, as a database carries them out.
    let last: Promise<void> = Promise.resolve();
    const carryOut = (write: StoreWrite): void => {
      if (owner !== this.#owner) throw replicaTaken();
      if (this.isFull) throw storageUnavailable('the browser has no room left for it');
      this.writes++;
      applyWrite(this.#records, write);
    };
    const write: ClientStore['write'] = ({ remove, put }) => {
      const kept = { remove, put: put.map((record) => ({ ...record, value: record.value.slice() })) };
      const before = last;
      const done = new Promise<void>((resolve, reject) => {
        this.#soon(() => {
          void before.then(() => {
            if (!isAlive()) return;
            this.onPoint('before a device write');
            if (!isAlive()) return;
            try {
              carryOut(kept);
              this.onPoint('after a device write');
              resolve();
            } catch (error) {
              reject(error);
            }
          });
        });
      });
      last = done.catch(() => {});
      return done;
    };
    return {
      kind: 'memory',
      open: async () => {
        owner = ++this.#owner;
        return recordsOf(this.#records);
      },
      write,
      wipe: () => write(removal),
      onLost: () => {},
      close: () => {},
    };
  }
}
