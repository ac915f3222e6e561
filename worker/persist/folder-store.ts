/**
 * A Node client's store: one file in a folder, to which writes are appended.
 *
 *     file  = "forerun-replica" LF, u32 layout (1), write*
 *     write = u32 length of body, u32 checksum of body, body
 *     body  = varint n, n × (u8 section, varint from, varint to), varint n, n × (u8 section, varint key, byte array)
 *
 * Law: a write is done when it is flushed to the disk. What follows the last whole write is of a crash, and cut off. When
 * most of the file is of writes that later ones replaced, it is written anew beside itself and renamed. `owner` holds the
 * number of the present owner, which every write compares.
 */

import { ByteReader, ByteWriter } from '../../core/codec/bytes.ts';
import { checksum } from './checksum.ts';
import {
  applyWrite,
  type ClientStore,
  recordsOf,
  replicaTaken,
  type Section,
  sections,
  storageUnavailable,
  type StoredRecord,
  type StoreWrite,
} from './store.ts';

const magic = new TextEncoder().encode('forerun-replica\n');
const layout = 1;
const headerLength = magic.length + 4;
/** Below this a file is not worth writing anew. */
const compactBytesMin = 4 * 1024 * 1024;

/** Asked of Node itself, so that bundlers of pages don't look for it. */
const nodeFiles = () => globalThis.process?.getBuiltinModule?.('node:fs');
type Files = NonNullable<ReturnType<typeof nodeFiles>>;

/** Rejects with `storage-unavailable` when the folder can't be used. */
export async function openFolderStore(folder: string): Promise<ClientStore> {
  const fs = nodeFiles();
  if (fs === undefined) throw storageUnavailable('folders are for clients in Node 20.16 or newer');
  try {
    fs.mkdirSync(folder, { recursive: true, mode: 0o700 });
    return new FolderStore(fs, folder);
  } catch (cause) {
    throw storageUnavailable(`the folder ${folder} can't be used (${(cause as Error).message})`, cause);
  }
}

class FolderStore implements ClientStore {
  readonly kind = 'folder';
  readonly #fs: Files;
  readonly #folder: string;
  readonly #path: string;
  readonly #records = new Map<Section, Map<number, Uint8Array>>(sections.map((section) => [section, new Map()]));
  #file: number;
  #length = 0;
  #owner = 0;

  constructor(fs: Files, folder: string) {
    this.#fs = fs;
    this.#folder = folder;
    this.#path = `${folder}/replica`;
    this.#file = fs.openSync(this.#path, 'a+', 0o600);
  }

  async open(): Promise<readonly StoredRecord[]> {
    return this.#guarded(() => {
      this.#owner = this.#presentOwner() + 1;
      this.#replaceFile('owner', new TextEncoder().encode(String(this.#owner)));
      this.#read();
      return recordsOf(this.#records);
    });
  }

  async write(write: StoreWrite): Promise<void> {
    this.#guarded(() => {
      if (this.#presentOwner() !== this.#owner) throw replicaTaken();
      this.#append(encodeWrite(write));
      applyWrite(this.#records, write);
      if (this.#length > compactBytesMin && this.#length > 2 * this.#liveBytes()) this.#compact();
    });
  }

  onLost(): void {}

  close(): void {
    this.#fs.closeSync(this.#file);
  }

  #presentOwner(): number {
    try {
      return Number(this.#fs.readFileSync(`${this.#folder}/owner`, 'utf8')) || 0;
    } catch {
      return 0;
    }
  }

  /** Up to the last whole write; the rest is cut off. */
  #read(): void {
    const bytes = new Uint8Array(this.#fs.readFileSync(this.#path));
    const isOurs = bytes.length >= headerLength && magic.every((byte, i) => bytes[i] === byte);
    if (!isOurs || new ByteReader(bytes.subarray(magic.length)).u32() !== layout) return this.#start();
    let at = headerLength;
    for (;;) {
      const body = wholeBody(bytes, at);
      if (body === undefined) break;
      applyWrite(this.#records, decodeWrite(body));
      at += 8 + body.length;
    }
    this.#fs.ftruncateSync(this.#file, at);
    this.#length = at;
  }

  /** An empty file; one that is not ours is put aside. */
  #start(): void {
    if (this.#fs.fstatSync(this.#file).size > 0) {
      this.#fs.closeSync(this.#file);
      this.#fs.renameSync(this.#path, `${this.#path}.unknown`);
      this.#file = this.#fs.openSync(this.#path, 'a+', 0o600);
    }
    const writer = new ByteWriter();
    writer.raw(magic);
    writer.u32(layout);
    this.#append(writer.take());
  }

  /** What was begun and failed is cut off, so that later writes follow whole ones. */
  #append(bytes: Uint8Array): void {
    try {
      for (let written = 0; written < bytes.length; )
        written += this.#fs.writeSync(this.#file, bytes, written, bytes.length - written);
      this.#fs.fdatasyncSync(this.#file);
      this.#length += bytes.length;
    } catch (error) {
      this.#fs.ftruncateSync(this.#file, this.#length);
      throw error;
    }
  }

  #liveBytes(): number {
    let bytes = 0;
    for (const section of this.#records.values()) for (const value of section.values()) bytes += value.length + 16;
    return bytes;
  }

  #compact(): void {
    const writer = new ByteWriter();
    writer.raw(magic);
    writer.u32(layout);
    writer.raw(encodeWrite({ remove: [], put: recordsOf(this.#records) }));
    const bytes = writer.take();
    this.#replaceFile('replica', bytes);
    this.#fs.closeSync(this.#file);
    this.#file = this.#fs.openSync(this.#path, 'a+', 0o600);
    this.#length = bytes.length;
  }

  #replaceFile(name: string, bytes: Uint8Array): void {
    const [path, beside] = [`${this.#folder}/${name}`, `${this.#folder}/${name}.new`];
    const file = this.#fs.openSync(beside, 'w', 0o600);
    this.#fs.writeFileSync(file, bytes);
    this.#fs.fdatasyncSync(file);
    this.#fs.closeSync(file);
    this.#fs.renameSync(beside, path);
    const folder = this.#fs.openSync(this.#folder, 'r');
    this.#fs.fsyncSync(folder);
    this.#fs.closeSync(folder);
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

function encodeWrite({ remove, put }: StoreWrite): Uint8Array {
  const body = new ByteWriter();
  body.varint(remove.length);
  for (const { section, from, to } of remove) {
    body.u8(sections.indexOf(section));
    body.varint(from);
    body.varint(Math.min(to, Number.MAX_SAFE_INTEGER));
  }
  body.varint(put.length);
  for (const { section, key, value } of put) {
    body.u8(sections.indexOf(section));
    body.varint(key);
    body.byteArray(value);
  }
  const writer = new ByteWriter();
  writer.u32(body.offset);
  writer.u32(checksum(body.view()));
  writer.raw(body.view());
  return writer.take();
}

function wholeBody(bytes: Uint8Array, at: number): Uint8Array | undefined {
  if (at + 8 > bytes.length) return undefined;
  const header = new ByteReader(bytes.subarray(at, at + 8));
  const [length, sum] = [header.u32(), header.u32()];
  const body = bytes.subarray(at + 8, at + 8 + length);
  return body.length === length && checksum(body) === sum ? body : undefined;
}

function decodeWrite(body: Uint8Array): StoreWrite {
  const reader = new ByteReader(body);
  const section = (): Section => sections[reader.u8()] ?? reader.refuse('a section that is unknown');
  const remove = Array.from({ length: reader.varint() }, () => ({
    section: section(),
    from: reader.varint(),
    to: reader.varint(),
  }));
  const put = Array.from({ length: reader.varint() }, () => ({
    section: section(),
    key: reader.varint(),
    value: reader.byteArray(),
  }));
  return { remove, put };
}
