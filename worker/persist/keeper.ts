/**
 * Keeps the client's state on the device while it changes: calls at once, rows and what belongs to them now and then.
 *
 * Law: what has been written is a state that the client was in, however many of the newest writes are missing. A call is
 * sent when it is written. Rows, their position, and the calls they answer are written together; only then may the
 * authority forget those calls' outcomes. One write is under way at a time, and what comes meanwhile goes into the next.
 * Nothing is there without a state that says whose it is: the first write has one, if only without rows.
 */

import { assert } from '../../core/assert.ts';
import { ByteWriter } from '../../core/codec/bytes.ts';
import type { CallId } from '../../core/commit/call.ts';
import type { Key, RowChange } from '../../core/commit/row-change.ts';
import { encodeChange } from '../../core/engine/change-codec.ts';
import type { Engine } from '../../core/engine/engine.ts';
import type { Environment } from '../../core/environment.ts';
import { ForerunError } from '../../core/errors.ts';
import { limits } from '../../core/limits.ts';
import { checksum } from './checksum.ts';
import type { ClientStore, KeyRange, StoredRecord } from './store.ts';
import {
  callRecord,
  changesRecord,
  imageChunkBytes,
  imageChunkRecord,
  imageRecord,
  type StoredCall,
  type StoredState,
  stateRecord,
  tokenRecord,
  unheardKey,
  unheardRecord,
} from './stored-format.ts';

export interface KeeperOptions {
  readonly store: ClientStore;
  readonly environment: Environment;
  readonly engine: Engine;
  /** The state as of now, but for what the keeper knows itself. */
  readonly state: () => Omit<StoredState, 'version' | 'changesFrom' | 'changesTo'>;
  /** The confirmed rows where pending calls have put others. */
  readonly beneath: () => readonly RowChange[];
  /** False in the middle of a long reconciliation, whose rows belong to no state; `changed` is called at its end. */
  readonly isQuiet: () => boolean;
  readonly events: KeeperEvents;
  /** What is there already. */
  readonly rows: KeptRows;
}

/** Rows that an earlier start has kept. */
export interface KeptRows {
  /** There is a state, whether it has rows or not. */
  readonly hasState: boolean;
  /** There is an image, and it is good. */
  readonly hasImage: boolean;
  readonly imageBytes: number;
  readonly changesBytes: number;
  /** Keys of the changes since. */
  readonly changesFrom: number;
  readonly changesTo: number;
}

export interface KeeperEvents {
  /** Every call up to this one is there after a reload. */
  readonly stored: (callId: CallId) => void;
  /** So are rows that hold what came of the calls up to this one. */
  readonly settled: (callId: CallId) => void;
  /** Nothing is kept from here on. */
  readonly lost: (error: ForerunError) => void;
}

/** Rows are written so long after they have changed, or with the next ones. */
const rowsDelayMs = 250;
/** Writing all anew for the sake of rows that are gone takes one part in so many of the time at most. */
const restPerImage = 100;
/** The image is written anew when the changes since the last one are beyond this, or beyond this part of it. */
const changesBytesMin = 262_144;
const changesPart = 8;

export class Keeper {
  readonly #options: KeeperOptions;
  #calls: StoredCall[] = [];
  #removed: KeyRange[] = [];
  #records: StoredRecord[] = [];
  #changes = new Map<number, Map<Key, RowChange>>();
  #changeCount = 0;
  #rowsAreDue = false;
  #rowsAreDirty = false;
  #timer: (() => void) | undefined;
  #removalTimer: (() => void) | undefined;
  #imageMs = 0;
  #imageIsWanted: boolean;
  /** What is there does not say yet whose it is. */
  #stateIsWanted: boolean;
  /** How often calls were given another name or number, or are to be written again: writes from before don't count. */
  #renamings = 0;
  #imageSums: string[] = [];
  #imageBytes = 0;
  #changesBytes = 0;
  #changesFrom: number;
  #changesTo: number;
  #isWriting = false;
  #isAsked = false;
  #isOver = false;
  #waiting: (() => void)[] = [];

  constructor(options: KeeperOptions) {
    this.#options = options;
    const { hasState, hasImage, imageBytes, changesBytes, changesFrom, changesTo } = options.rows;
    this.#changesFrom = changesFrom;
    this.#changesTo = changesTo;
    this.#imageBytes = imageBytes;
    this.#changesBytes = changesBytes;
    this.#imageIsWanted = !hasImage;
    this.#stateIsWanted = !hasState;
    // There may be deletions among them, and an end before they were carried out in the image.
    if (hasImage && changesBytes > 0) this.#forgetRemoved();
    options.store.onLost((reason) => this.#fail(new ForerunError('storage-unavailable', reason)));
  }

  call(call: StoredCall): void {
    if (this.#isOver) return;
    this.#calls.push(call);
    this.#ask();
  }

  /** These records, with the next write. */
  put(...records: readonly StoredRecord[]): void {
    if (this.#isOver) return;
    this.#records.push(...records);
    this.#ask();
  }

  /** These take the place of all calls from this number on, those that wait to be written among them. */
  renumbered(from: CallId, calls: readonly StoredCall[]): void {
    if (this.#isOver) return;
    this.#renamings++;
    this.#calls = [...this.#calls.filter(({ callId }) => callId < from), ...calls];
    this.remove({ section: 'calls', from, to: Number.MAX_SAFE_INTEGER });
  }

  /** From this call on nobody has heard of them; undefined: that is not so any more, and calls that are kept after this say so. */
  unheard(from: CallId | undefined): void {
    if (from !== undefined) return this.put(unheardRecord(from));
    this.#renamings++;
    this.#records = this.#records.filter(({ section, key }) => section !== 'state' || key !== unheardKey);
    this.remove({ section: 'state', from: unheardKey, to: unheardKey });
  }

  remove(range: KeyRange): void {
    if (this.#isOver) return;
    this.#removed.push(range);
    this.#ask();
  }

  /**
   * The authority knows this client now, by this token, and perhaps by another clientId than it had before. Calls that
   * are kept were made by nobody yet: they are to be kept again, and only then are they `stored`.
   */
  introduced(token: string): void {
    this.#renamings++;
    this.#stateIsWanted = true;
    this.put(tokenRecord(token));
  }

  /** Confirmed rows have changed, by key the last counts; or calls were answered, or the position moved. */
  changed(changes: readonly RowChange[]): void {
    if (this.#isOver) return;
    for (const change of changes) {
      if (!this.#isKept(change)) continue;
      let rows = this.#changes.get(change.tableId);
      if (rows === undefined) this.#changes.set(change.tableId, (rows = new Map()));
      if (change.after === undefined) this.#forgetRemoved();
      if (!rows.has(change.key)) this.#changeCount++;
      rows.set(change.key, change);
    }
    // Of what piles up behind a storage that is slow, the rows as they are then are enough.
    if (this.#changeCount > limits.unstoredChangesMax) this.replaced();
    this.#rowsAreDirty = true;
    if (this.#rowsAreDue) return this.#ask();
    this.#timer ??= this.#options.environment.scheduler.after(rowsDelayMs, () => {
      this.#timer = undefined;
      this.#rowsAreDue = true;
      this.#ask();
    });
  }

  /** The rows are others: all of them are to be written. */
  replaced(): void {
    this.#changes.clear();
    this.#changeCount = 0;
    this.#imageIsWanted = true;
    this.changed([]);
  }

  /** Writes what there is to write. Resolves when it is written, or can't be. */
  flush(): Promise<void> {
    if (this.#isOver) return Promise.resolve();
    this.#rowsAreDue ||= this.#rowsAreDirty;
    return new Promise((resolve) => {
      this.#waiting.push(resolve);
      this.#write();
    });
  }

  get isOver(): boolean {
    return this.#isOver;
  }

  /** Removes everything, and writes nothing any more. Rejects when something may be left. */
  async wipe(): Promise<void> {
    assert(!this.#isOver, 'what writes nothing any more wipes nothing');
    this.#end();
    await this.#options.store.wipe().finally(() => this.#options.store.close());
  }

  /** Nothing is written any more. */
  close(): void {
    if (this.#isOver) return;
    this.#end();
    this.#options.store.close();
    for (const done of this.#waiting.splice(0)) done();
  }

  #end(): void {
    this.#isOver = true;
    this.#timer?.();
    this.#removalTimer?.();
  }

  /** A row that is gone, perhaps because it is not to be seen any more, is still in the image and in earlier changes. */
  #forgetRemoved(): void {
    if (this.#imageIsWanted || this.#removalTimer !== undefined) return;
    const waitMs = Math.max(limits.removedRowsMsMax, restPerImage * this.#imageMs);
    this.#removalTimer = this.#options.environment.scheduler.after(waitMs, () => this.replaced());
  }

  #ask(): void {
    if (this.#isAsked || this.#isWriting || this.#isOver) return;
    this.#isAsked = true;
    this.#options.environment.scheduler.soon(() => {
      this.#isAsked = false;
      this.#write();
    });
  }

  #write(): void {
    if (this.#isWriting || this.#isOver) return;
    const withRows = this.#rowsAreDue && this.#rowsAreDirty && this.#options.isQuiet();
    const lastCall = this.#calls.at(-1);
    const put = [...this.#records, ...this.#calls.map(callRecord)];
    const remove = this.#removed;
    if (put.length + remove.length === 0 && !withRows) {
      for (const done of this.#waiting.splice(0)) done();
      return;
    }
    this.#records = [];
    this.#calls = [];
    this.#removed = [];
    const settled = withRows ? this.#addRows(put, remove) : undefined;
    if (this.#stateIsWanted) this.#addBareState(put, remove);
    const renamings = this.#renamings;
    this.#isWriting = true;
    this.#options.store.write({ put, remove }).then(
      () => {
        this.#isWriting = false;
        if (this.#isOver) return;
        if (lastCall !== undefined && renamings === this.#renamings) this.#options.events.stored(lastCall.callId);
        if (settled !== undefined) this.#options.events.settled(settled);
        this.#write();
      },
      (error: unknown) => {
        assert(error instanceof ForerunError, 'a store rejects with an error of ours');
        this.#fail(error);
      },
    );
  }

  /** Everything of one moment. Gives up to which call it holds what came of them. */
  #addRows(put: StoredRecord[], remove: KeyRange[]): CallId {
    const state = this.#options.state();
    if (state.hasRows) this.#addChanges(put, remove);
    this.#addState(state, put, remove);
    this.#rowsAreDue = false;
    this.#rowsAreDirty = false;
    return state.settledCallId;
  }

  /** Whose calls they are, without rows: these take time, and come with a later write. */
  #addBareState(put: StoredRecord[], remove: KeyRange[]): void {
    const state = this.#options.state();
    this.#addState({ ...state, hasRows: false, epoch: undefined, seq: undefined, subscriptions: [] }, put, remove);
  }

  #addState(state: ReturnType<KeeperOptions['state']>, put: StoredRecord[], remove: KeyRange[]): void {
    put.push(stateRecord({ ...state, version: 2, changesFrom: this.#changesFrom, changesTo: this.#changesTo }));
    remove.push({ section: 'calls', from: 0, to: state.settledCallId });
    this.#stateIsWanted = false;
  }

  #addChanges(put: StoredRecord[], remove: KeyRange[]): void {
    const isLong = this.#changesBytes > Math.max(changesBytesMin, this.#imageBytes / changesPart);
    const changes = [...this.#changes.values()].flatMap((rows) => [...rows.values()]);
    this.#changes.clear();
    this.#changeCount = 0;
    if (this.#imageIsWanted || isLong) this.#addImage(put, remove);
    else if (changes.length > 0) put.push(this.#nextChanges(changes));
  }

  #addImage(put: StoredRecord[], remove: KeyRange[]): void {
    const { monotonicMs } = this.#options.environment.clock;
    const startMs = monotonicMs();
    const image = this.#options.engine.export();
    const sums: string[] = [];
    for (let at = 0; at < image.length; at += imageChunkBytes) {
      const chunk = image.subarray(at, at + imageChunkBytes);
      const sum = `${checksum(chunk)} ${checksum(chunk, 1)} ${chunk.length}`;
      if (this.#imageSums[sums.length] !== sum) put.push(imageChunkRecord(sums.length, chunk));
      sums.push(sum);
    }
    remove.push(
      { section: 'image', from: sums.length, to: Number.MAX_SAFE_INTEGER },
      { section: 'changes', from: 0, to: Number.MAX_SAFE_INTEGER },
    );
    put.push(imageRecord({ bytes: image.length, chunks: sums.length }));
    this.#imageMs = monotonicMs() - startMs;
    this.#removalTimer?.();
    this.#removalTimer = undefined;
    this.#imageSums = sums;
    this.#imageBytes = image.length;
    this.#imageIsWanted = false;
    this.#changesBytes = 0;
    this.#changesFrom = this.#changesTo;
    // The image has what was predicted; this takes it out again.
    const beneath = this.#options.beneath().filter((change) => this.#isKept(change));
    if (beneath.length > 0) put.push(this.#nextChanges(beneath));
  }

  #isKept({ tableId }: RowChange): boolean {
    const { event, ephemeral } = this.#options.engine.shape(tableId).table;
    return !event && !ephemeral;
  }

  #nextChanges(changes: readonly RowChange[]): StoredRecord {
    const writer = new ByteWriter();
    for (const change of changes) encodeChange(writer, change, this.#options.engine.shape(change.tableId));
    this.#changesBytes += writer.offset;
    return changesRecord(this.#changesTo++, writer.take());
  }

  #fail(error: ForerunError): void {
    if (this.#isOver) return;
    this.close();
    this.#options.events.lost(error);
  }
}
