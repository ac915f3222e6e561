/**
 * The start of a host: what the device has kept, or nothing.
 *
 * Law: it never fails for the storage's sake. What can't be kept is not, and the status says so.
 */

import { type CallId, clientIdFromBytes, type ClientId, type Position } from '../core/commit/call.ts';
import type { Engine, EngineOptions } from '../core/engine/engine.ts';
import type { Environment } from '../core/environment.ts';
import { ForerunError } from '../core/errors.ts';
import type { ModuleDefinition } from '../core/module/definition.ts';
import type { SubscriptionRequest } from '../core/protocol/messages.ts';
import type { AnsweredCall } from './answered-calls.ts';
import type { HostOptions, StorageStatus } from './client/host-api.ts';
import { Identity } from '../core/value/identity.ts';
import { Coverage } from './coverage.ts';
import { load, neededBySubscriptions } from './late-code.ts';
import type { KeptRows } from './persist/keeper.ts';
import { describeStored, type Restored, restore } from './persist/restore.ts';
import { type ClientStore, damagedKeyMin, type StoredRecord, type StorePlace } from './persist/store.ts';
import {
  callRecord,
  moduleRecord,
  readReplica,
  stateRecord,
  type StoredCall,
  type StoredReplica,
  type StoredState,
  type StoredUnsendable,
  storedVersion,
  unsendableKeyBase,
  unsendableRecord,
} from './persist/stored-format.ts';
import { ClientIds } from './predict/client-ids.ts';

/** What a start needs of its home. */
export interface StartHome {
  readonly definition: ModuleDefinition;
  readonly environment: Environment;
  /** Undefined where nothing is to be kept. Rejects with `storage-unavailable`. */
  readonly openStore: (place: StorePlace) => Promise<ClientStore | undefined>;
  /** Where there may be hosts of the same replica that this one does not share pages with. */
  readonly wipes?: WipeNews;
}

/** What hosts tell each other of a replica that was wiped. */
export interface WipeNews {
  readonly tell: (replica: string) => void;
  /** The result stops it. */
  readonly hear: (replica: string, wiped: () => void) => () => void;
}

/** Where a client goes on from. */
export interface HostStart {
  readonly store: ClientStore | undefined;
  readonly storage: StorageStatus;
  readonly engine: Engine;
  /** Of the engine's rows: empty until the subscriptions are known. */
  readonly coverage: Coverage;
  readonly ids: ClientIds;
  /** Empty for someone new. */
  readonly token: string;
  readonly clientId: ClientId;
  readonly identity: string | undefined;
  readonly settledCallId: number;
  readonly position: Position | undefined;
  /** What the rows are of. */
  readonly subscriptions: readonly SubscriptionRequest[];
  readonly hasRows: boolean;
  readonly calls: Restored['calls'];
  readonly answered: readonly AnsweredCall[];
  /** The calls were made with another module, and the app is to look at them before they are sent. */
  readonly isToBeReviewed: boolean;
  readonly unsendable: readonly { readonly key: number; readonly call: StoredUnsendable }[];
  /** The largest number that a call has been given, as far as is known here. */
  readonly lastCallId: number;
  /** Calls from this one on have been sent by nobody. */
  readonly unheardFrom: CallId | undefined;
  readonly rows: KeptRows;
}

export async function startOf(home: StartHome, options: HostOptions): Promise<HostStart> {
  const { definition, environment } = home;
  const ids = new ClientIds();
  const coverage = new Coverage(definition, ids);
  const engineOptions: EngineOptions = {
    definition,
    ids,
    recordReads: true,
    overwritesDeleted: true,
    guard: options.guard,
    replicates: (table) => coverage.has(table),
    // A client's call never has the database as its sender.
    senderAuth: () => ({ isInternal: false, hasJWT: false, jwt: null }),
  };
  const opened = await openStored(home, options);
  const { stored } = opened;
  const token = options.token ?? stored.token;
  const state = stored.state ?? (token === '' ? undefined : stateOfCalls(stored.calls));
  const isOwn = state !== undefined;
  await load(neededBySubscriptions(state?.subscriptions.flatMap(({ queries }) => queries) ?? []));
  const restored = await restore({ stored, isOwn, definition, engineOptions });
  const unsendable = await keepChanges(opened, restored, definition);
  const isLost = unsendable === undefined;
  const settledCallId = state?.settledCallId ?? 0;
  if (state !== undefined) ids.restore(state.ids);
  if (state?.databaseIdentity !== undefined) restored.engine.identify(Identity.fromString(state.databaseIdentity));
  return {
    store: isLost ? undefined : opened.store,
    storage: isLost ? { type: 'memory', reason: 'what is kept on this device can not be changed' } : opened.storage,
    engine: restored.engine,
    coverage,
    ids,
    token,
    clientId: state?.clientId ?? newClientId(environment),
    identity: state?.identity,
    settledCallId,
    position: restored.position,
    subscriptions: state?.subscriptions ?? [],
    hasRows: restored.hasRows,
    calls: restored.calls,
    answered: state?.answered ?? [],
    isToBeReviewed: restored.calls.some(({ call }) => call.callId <= reviewTo(opened.stored, restored)),
    unsendable: unsendable ?? [],
    lastCallId: Math.max(settledCallId, ...(unsendable ?? []).map(({ call }) => call.callId ?? 0)),
    unheardFrom: stored.unheardFrom,
    rows: {
      hasState: stored.state !== undefined,
      hasImage: restored.hasRows && !restored.isOtherModule,
      imageBytes: stored.rows?.image.length ?? 0,
      changesBytes: stored.rows?.changes.reduce((sum, { length }) => sum + length, 0) ?? 0,
      changesFrom: state?.changesFrom ?? 0,
      changesTo: state?.changesTo ?? 0,
    },
  };
}

export const strangersReplica =
  'What is kept on this device under this name belongs to somebody else. Call forget() to wipe it, or connect with a name of its own.';

export function newClientId({ entropy }: Environment): ClientId {
  return clientIdFromBytes(entropy.fill(new Uint8Array(16)));
}

/** The state is damaged, and calls are there: who made them they say themselves, and the token proves it. */
function stateOfCalls(calls: readonly StoredCall[]): StoredState | undefined {
  const [first, last] = [calls[0], calls.at(-1)];
  if (first === undefined || last === undefined) return undefined;
  return {
    version: storedVersion,
    clientId: last.clientId,
    identity: last.sender === 0n ? undefined : new Identity(last.sender).toHexString(),
    hasRows: false,
    epoch: undefined,
    seq: undefined,
    // Calls before it were answered, or they would be here.
    settledCallId: (first.callId - 1) as CallId,
    answered: [],
    subscriptions: [],
    ids: {},
    databaseIdentity: undefined,
    changesFrom: 0,
    changesTo: 0,
  };
}

interface Opened {
  readonly store: ClientStore | undefined;
  readonly storage: StorageStatus;
  readonly stored: StoredReplica;
}

/** Undefined when nothing is to be kept. */
export function storePlace({ replica, storage }: HostOptions): StorePlace | undefined {
  if (storage === 'memory') return undefined;
  return { replica, folder: typeof storage === 'object' && 'folder' in storage ? storage.folder : undefined };
}

async function openStored(home: StartHome, options: HostOptions): Promise<Opened> {
  const { storage } = options;
  const nothing = readReplica([]);
  if (typeof storage === 'object' && 'unavailable' in storage)
    return { store: undefined, storage: { type: 'memory', reason: storage.unavailable }, stored: nothing };
  const place = storePlace(options);
  if (place === undefined) return { store: undefined, storage: { type: 'memory', reason: undefined }, stored: nothing };
  let store: ClientStore | undefined;
  try {
    store = await home.openStore(place);
    if (store === undefined) return { store, storage: { type: 'memory', reason: undefined }, stored: nothing };
    return { store, storage: { type: 'device' }, stored: readReplica(await store.open()) };
  } catch (error) {
    if (!(error instanceof ForerunError)) throw error;
    store?.close();
    return { store: undefined, storage: { type: 'memory', reason: error.message }, stored: nothing };
  }
}

/** After another module: its calls are written as this one understands them. Undefined when that fails. */
async function keepChanges(
  { store, stored }: Opened,
  restored: Restored,
  definition: ModuleDefinition,
): Promise<HostStart['unsendable'] | undefined> {
  const known = stored.unsendable;
  if (store === undefined) return known;
  const nextKey = Math.max(unsendableKeyBase - 1, ...known.map(({ key }) => key)) + 1;
  const unsendable = [
    ...restored.unsendable.map(({ callId, call }) => ({ from: { section: 'calls' as const, key: callId }, call })),
    ...stored.damagedCalls.map((from) => ({ from, call: damagedCall(from) })),
  ];
  const fresh = unsendable.map((each, i) => ({ ...each, key: nextKey + i }));
  const module = describeStored(definition);
  const isSame = stored.module !== undefined && !restored.isOtherModule;
  // Rows that were kept bear the old module's numbers; those that are here are kept anew.
  const rows = isSame ? [] : (['changes', 'image'] as const);
  try {
    if (!isSame || fresh.length > 0) {
      await store.write({
        remove: [
          ...fresh.map(({ from: { section, key } }) => ({ section, from: key, to: key })),
          ...rows.map((section) => ({ section, from: 0, to: Number.MAX_SAFE_INTEGER })),
        ],
        put: [
          moduleRecord({ ...module, reviewTo: reviewTo(stored, restored) }),
          ...(stored.state === undefined ? [] : [stateRecord({ ...stored.state, moduleHash: module.hash })]),
          ...fresh.map(({ key, call }) => unsendableRecord(key, call)),
          ...restored.rewritten.map(callRecord),
        ],
      });
    }
  } catch {
    store.close();
    return undefined;
  }
  return [...known, ...fresh];
}

/** Up to which call the app is to look at them. */
function reviewTo({ module }: StoredReplica, { isOtherModule, calls }: Restored): CallId {
  return isOtherModule ? (calls.at(-1)?.call.callId ?? (0 as CallId)) : (module?.reviewTo ?? (0 as CallId));
}

/** Stands for a call of which nothing is left but where it was. */
function damagedCall({ section, key }: Pick<StoredRecord, 'section' | 'key'>): StoredUnsendable {
  return {
    reducer: '',
    params: { type: 'product', fields: [] },
    args: [],
    timestampMicros: 0,
    reason: 'What was kept here on this device is damaged and can not be read: a call, which may not have been sent.',
    sent: 'maybe',
    ...(section === 'calls' && key < damagedKeyMin && { callId: key }),
  };
}
