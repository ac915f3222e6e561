/**
 * What a host has of its device: something that keeps the client's state, or nothing, and since when.
 *
 * Law: once it has failed to keep something, nothing more is kept until the next start: what is there stays a state that
 * the client was in.
 */

import { decodeValue } from '../core/codec/bsatn-interpreter.ts';
import { ByteReader } from '../core/codec/bytes.ts';
import type { CallId } from '../core/commit/call.ts';
import type { RowChange } from '../core/commit/row-change.ts';
import type { Environment } from '../core/environment.ts';
import type { ForerunError } from '../core/errors.ts';
import type { StorageStatus, UnsendableCall } from './client/host-api.ts';
import { Keeper, type KeeperOptions } from './persist/keeper.ts';
import type { ClientStore } from './persist/store.ts';
import { describeStored } from './persist/restore.ts';
import {
  moduleRecord,
  type StoredCall,
  type StoredModule,
  unheardKey,
  unsendableRecord,
} from './persist/stored-format.ts';
import type { Predictor } from './predict/predictor.ts';
import type { HostStart } from './start.ts';

export interface DeviceOptions {
  readonly start: HostStart;
  readonly environment: Environment;
  readonly predictor: Predictor;
  readonly state: KeeperOptions['state'];
  /** Opens once more what was to be kept. Undefined where nothing is. */
  readonly reopen: () => Promise<ClientStore | undefined>;
  readonly events: DeviceEvents;
}

export interface DeviceEvents {
  /** Every call up to this one is there after a reload. */
  readonly stored: (callId: CallId) => void;
  /** So is what came of the calls up to this one: the authority may forget it. */
  readonly settled: (callId: CallId) => void;
  /** Nothing is kept from here on. */
  readonly unkept: (error: ForerunError) => void;
}

export class Device {
  readonly #keeper: Keeper | undefined;
  readonly #reopen: DeviceOptions['reopen'];
  #storage: StorageStatus;
  readonly #module: StoredModule;
  #unsendable: HostStart['unsendable'];
  #settledCallId: CallId;

  constructor({ start, environment, predictor, state, reopen, events }: DeviceOptions) {
    this.#reopen = reopen;
    const { store, engine, rows } = start;
    this.#storage = start.storage;
    this.#unsendable = start.unsendable;
    this.#module = describeStored(start.engine.definition);
    this.#settledCallId = start.settledCallId as CallId;
    if (store === undefined) return;
    this.#keeper = new Keeper({
      store,
      environment,
      engine,
      rows,
      state,
      beneath: () => predictor.beneath(),
      isQuiet: () => !predictor.isBusy,
      events: {
        stored: events.stored,
        settled: (callId) => {
          this.#settledCallId = callId;
          events.settled(callId);
        },
        lost: (error) => {
          this.#storage = { type: 'memory', reason: error.message };
          if (error.code === 'replica-taken') return events.unkept(error);
          // Now calls are sent that the device may say nobody has heard of: the next start would send them as others again.
          this.#forgetUnheard().finally(() => events.unkept(error));
        },
      },
    });
  }

  get storage(): StorageStatus {
    return this.#storage;
  }

  /** Nothing has ever been kept, so that nothing can be asked for again after a reload. */
  get isForgetful(): boolean {
    return this.#keeper === undefined;
  }

  /** Up to which call the authority may forget what came of them, when all up to `settledCallId` are answered. */
  toAcknowledge(settledCallId: CallId): CallId {
    return this.isForgetful ? settledCallId : this.#settledCallId;
  }

  get unsendable(): readonly UnsendableCall[] {
    return this.#unsendable.map(({ key, call }) => ({
      ...call,
      key,
      args: decodeValue(call.params, new ByteReader(Uint8Array.from(call.args))),
      sent: call.sent ?? 'maybe',
    }));
  }

  /** False when it is not kept; else `stored` follows. */
  keep(call: StoredCall): boolean {
    if (this.#keeper === undefined || this.#storage.type === 'memory') return false;
    this.#keeper.call(call);
    return true;
  }

  /** As `keep`, in place of all from this number on. */
  keepAnew(from: CallId, calls: readonly StoredCall[]): boolean {
    if (this.#keeper === undefined || this.#storage.type === 'memory') return false;
    this.#keeper.renumbered(from, calls);
    return true;
  }

  keepUnheard(from: CallId | undefined): void {
    this.#keeper?.unheard(from);
  }

  /** A removal is often possible where nothing else is, as without room. */
  async #forgetUnheard(): Promise<void> {
    const store = await this.#reopen().catch(() => undefined);
    if (store === undefined) return;
    try {
      await store.open();
      await store.write({ remove: [{ section: 'state', from: unheardKey, to: unheardKey }], put: [] });
    } catch {
      // As much as could be done.
    } finally {
      store.close();
    }
  }

  /** Calls up to this one wait for the app's review; undefined: none. */
  toBeReviewed(callId: CallId | undefined): void {
    this.#keeper?.put(moduleRecord({ ...this.#module, ...(callId !== undefined && { reviewTo: callId }) }));
  }

  /** The authority has run calls up to this one: true when more is known by that of those that could not be sent. */
  ranUpTo(lastCallId: CallId): boolean {
    const before = this.#unsendable;
    this.#unsendable = before.map((each) => {
      const { callId, sent = 'maybe' } = each.call;
      if (callId === undefined || sent !== 'maybe') return each;
      return { ...each, call: { ...each.call, sent: callId <= lastCallId ? 'answered' : 'no' } };
    });
    const others = this.#unsendable.filter((each, i) => each !== before[i]);
    this.#keeper?.put(...others.map(({ key, call }) => unsendableRecord(key, call)));
    return others.length > 0;
  }

  /** Confirmed rows have changed, or something that belongs to them; `all`: they are others. */
  changed(changes: readonly RowChange[] | 'all'): void {
    if (changes === 'all') this.#keeper?.replaced();
    else this.#keeper?.changed(changes);
  }

  /** The authority has given this client its token. Its calls are to be kept again, under the name it has now. */
  introduced(token: string): void {
    this.#keeper?.introduced(token);
  }

  discard(callIds: readonly number[]): void {
    for (const callId of callIds) this.#keeper?.remove({ section: 'calls', from: callId, to: callId });
  }

  dismiss(key: number): void {
    this.#unsendable = this.#unsendable.filter((call) => call.key !== key);
    this.#keeper?.remove({ section: 'state', from: key, to: key });
  }

  async flush(): Promise<void> {
    await this.#keeper?.flush();
  }

  /** This client has what is there. */
  get isOwner(): boolean {
    return this.#keeper?.isOver === false;
  }

  /** What is there goes also when this client could not use it, or has stopped to. Rejects when something may be left. */
  async wipe(): Promise<void> {
    if (this.#keeper?.isOver === false) return this.#keeper.wipe();
    const store = await this.#reopen();
    if (store === undefined) return;
    try {
      await store.open();
      await store.wipe();
    } finally {
      store.close();
    }
  }

  close(): void {
    this.#keeper?.close();
  }
}
