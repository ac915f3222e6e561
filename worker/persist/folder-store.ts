/**
 * A Node client's store: a folder with a file, to which writes are appended (`folder-file.ts`), and a lock that says who
 * owns it (`folder-lock.ts`).
 *
 * Law: a write is done when it is flushed to the disk. When most of the file is of writes that later ones replaced, or
 * some of it is damaged, it is written anew beside itself and renamed.
 */

import { FolderLock } from './folder-lock.ts';
import { encodeWrite, newHeader, newMark, readFolderFile } from './folder-file.ts';
import {
  applyWrite,
  type ClientStore,
  recordBytes,
  recordsOf,
  removal,
  replicaTaken,
  type Section,
  sections,
  storageUnavailable,
  type StoredRecord,
  type StoreWrite,
} from './store.ts';

/** Below this a file is not worth writing anew. */
const compactBytesMin = 4 * 1024 * 1024;

/** Asked of Node itself, so that bundlers of pages don't look for it. */
const nodeFiles = () => globalThis.process?.getBuiltinModule?.('node:fs');
type Files = NonNullable<ReturnType<typeof nodeFiles>>;

/** In which folder, of those for all replicas, this one is: names that file systems take for the same stay different. */
export function folderOf(folder: string, replica: string): string {
  const name = [...new TextEncoder().encode(replica)].map((byte) => {
    const character = String.fromCharCode(byte);
    return /[a-z0-9_-]/.test(character) ? character : `%${byte.toString(16).padStart(2, '0')}`;
  });
  return `${folder}/${name.join('')}`;
}

/** Rejects with `storage-unavailable` when the folder can't be used. */
export async function openFolderStore(folder: string): Promise<ClientStore> {
  const fs = nodeFiles();
  try {
    fs?.mkdirSync(folder, { recursive: true, mode: 0o700 });
    const lock = FolderLock.open(`${folder}/lock`);
    if (fs !== undefined && lock !== undefined) return new FolderStore(fs, folder, lock);
  } catch (cause) {
    throw storageUnavailable(`the folder ${folder} can't be used (${(cause as Error).message})`, cause);
  }
  throw storageUnavailable('folders are for clients in Node 22.13 or newer');
}

interface OpenFile {
  readonly number: number;
  /** Tells it from another file that has come in its place. */
  readonly identity: string;
}

class FolderStore implements ClientStore {
  readonly kind = 'folder';
  readonly #fs: Files;
  readonly #folder: string;
  readonly #path: string;
  readonly #lock: FolderLock;
  readonly #records = new Map<Section, Map<number, Uint8Array>>(sections.map((section) => [section, new Map()]));
  #file: OpenFile | undefined;
  #mark = newMark();
  #length = 0;
  /** Of records that are still there. */
  #liveBytes = 0;
  #isDamaged = false;
  #owner = 0;

  constructor(fs: Files, folder: string, lock: FolderLock) {
    this.#fs = fs;
    this.#folder = folder;
    this.#path = `${folder}/replica`;
    this.#lock = lock;
  }

  async open(): Promise<readonly StoredRecord[]> {
    return this.#guarded(() =>
      this.#lock.alone(({ own }) => {
        this.#owner = own();
        this.#file = this.#openFile();
        this.#read();
        return recordsOf(this.#records);
      }),
    );
  }

  async write(write: StoreWrite): Promise<void> {
    this.#asOwner(() => {
      this.#append(encodeWrite(this.#mark, write));
      this.#liveBytes += applyWrite(this.#records, write);
      if (!this.#isDamaged && (this.#length <= compactBytesMin || this.#length <= 2 * this.#liveBytes)) return;
      try {
        this.#compact();
      } catch {
        // What was asked for is written; the next write tries again, or finds that the file is another one.
      }
    });
  }

  async wipe(): Promise<void> {
    this.#asOwner(() => {
      this.#liveBytes += applyWrite(this.#records, removal);
      this.#compact();
      this.#fs.rmSync(`${this.#path}.unknown`, { force: true });
    });
  }

  onLost(): void {}

  close(): void {
    if (this.#file !== undefined) this.#fs.closeSync(this.#file.number);
    this.#file = undefined;
    this.#lock.close();
  }

  #openFile(): OpenFile {
    const number = this.#fs.openSync(this.#path, 'a+', 0o600);
    return { number, identity: this.#identityOf(this.#fs.fstatSync(number, { bigint: true })) };
  }

  #identityOf({ dev, ino }: { readonly dev: bigint; readonly ino: bigint }): string {
    return `${dev} ${ino}`;
  }

  #opened(): OpenFile {
    if (this.#file === undefined) throw new Error('it is not open');
    return this.#file;
  }

  #read(): void {
    const { number } = this.#opened();
    const content = readFolderFile(new Uint8Array(this.#fs.readFileSync(this.#path)), this.#records);
    if (content === undefined) return this.#start();
    this.#fs.ftruncateSync(number, content.length);
    this.#mark = content.mark.slice();
    this.#length = content.length;
    this.#isDamaged = content.isDamaged;
    for (const { value } of recordsOf(this.#records)) this.#liveBytes += recordBytes(value);
  }

  /** An empty file; one that is not ours is put aside. */
  #start(): void {
    const { number } = this.#opened();
    if (this.#fs.fstatSync(number).size > 0) {
      this.#fs.closeSync(number);
      this.#fs.renameSync(this.#path, `${this.#path}.unknown`);
      this.#file = this.#openFile();
    }
    this.#append(newHeader(this.#mark));
    this.#flushFolder();
  }

  /** What was begun and failed is cut off, so that later writes follow whole ones. */
  #append(bytes: Uint8Array): void {
    const { number } = this.#opened();
    try {
      for (let written = 0; written < bytes.length; )
        written += this.#fs.writeSync(number, bytes, written, bytes.length - written);
      this.#fs.fdatasyncSync(number);
      this.#length += bytes.length;
    } catch (error) {
      this.#fs.ftruncateSync(number, this.#length);
      throw error;
    }
  }

  #compact(): void {
    const records = recordsOf(this.#records);
    const mark = newMark();
    const header = newHeader(mark);
    const write = records.length === 0 ? new Uint8Array() : encodeWrite(mark, { remove: [], put: records });
    const beside = `${this.#path}.new`;
    const file = this.#fs.openSync(beside, 'w', 0o600);
    this.#fs.writeFileSync(file, header);
    this.#fs.writeFileSync(file, write);
    this.#fs.fdatasyncSync(file);
    this.#fs.closeSync(file);
    this.#fs.renameSync(beside, this.#path);
    this.#flushFolder();
    const { number } = this.#opened();
    this.#file = this.#openFile();
    this.#fs.closeSync(number);
    this.#mark = mark;
    this.#length = header.length + write.length;
    this.#isDamaged = false;
  }

  #flushFolder(): void {
    const folder = this.#fs.openSync(this.#folder, 'r');
    this.#fs.fsyncSync(folder);
    this.#fs.closeSync(folder);
  }

  #asOwner(act: () => void): void {
    this.#guarded(() =>
      this.#lock.alone(({ owner }) => {
        if (owner !== this.#owner) throw replicaTaken();
        // What is written to a file that was deleted is nowhere.
        if (this.#identityOf(this.#fs.statSync(this.#path, { bigint: true })) !== this.#opened().identity)
          throw new Error('its file was replaced by another one');
        act();
      }),
    );
  }

  #guarded<T>(act: () => T): T {
    try {
      return act();
    } catch (error) {
      if ((error as { readonly code?: unknown }).code === 'replica-taken') throw error;
      throw storageUnavailable(`the folder ${this.#folder} can't be written (${(error as Error).message})`, error);
    }
  }
}
