/**
 * What a client keeps on its device, and how it is read again. Every record is a u32 checksum over its section, its key
 * and its payload, then the payload.
 *
 *     section  key          payload
 *     state    1            JSON of `StoredState`
 *     state    2            JSON of `StoredModule`: the module that everything here was written with
 *     state    3            JSON of `StoredImage`, what `image` holds
 *     state    4            UTF-8 of the token
 *     state    5            JSON of a number: calls from it on were made before there was a connection, and were not sent
 *     state    1000 + n     JSON of `StoredUnsendable`: a call that a newer module can't take
 *     calls    callId       a call that is not answered yet, as `encodeCall` writes it
 *     changes  n            changes of confirmed rows since the image and the changes before it, as `encodeChange` writes them
 *     image    n            256 KiB of a SQLite file with the confirmed rows, and on top of them what was predicted
 *
 * Law: image, then `changes` in order, give the confirmed rows at the state's position; with the calls run on them they
 * are the predicted rows. What can't be read is dropped, and with it what would be wrong without it: the rows go together,
 * each call by itself, and of a call somebody is told.
 *
 * | version | what changed |
 * | --- | --- |
 * | 1 | the token alone, in an IndexedDB of another layout |
 * | 2 | rows, calls and what belongs to them |
 */

import { ByteReader, ByteWriter } from '../../core/codec/bytes.ts';
import {
  type CallId,
  clientIdFromBytes,
  type ClientId,
  type Epoch,
  idBytes,
  type IdHint,
  type Seq,
} from '../../core/commit/call.ts';
import type { SubscriptionRequest } from '../../core/protocol/messages.ts';
import type { ColumnType, ProductType } from '../../core/value/column-type.ts';
import type { AnsweredCall } from '../answered-calls.ts';
import type { StoredIds } from '../predict/client-ids.ts';
import { checksum } from './checksum.ts';
import { type Section, sections, type StoredRecord } from './store.ts';

export const storedVersion = 2;
export const imageChunkBytes = 262_144;

const stateKey = 1;
const moduleKey = 2;
const imageKey = 3;
const tokenKey = 4;
export const unheardKey = 5;
export const unsendableKeyBase = 1_000;

export interface StoredState {
  readonly version: typeof storedVersion;
  readonly clientId: ClientId;
  /** 64 hex digits; absent until the authority has told it. */
  readonly identity: string | undefined;
  readonly hasRows: boolean;
  /** Of the rows; absent when there are none, or when they are good to be shown only. */
  readonly epoch: Epoch | undefined;
  readonly seq: Seq | undefined;
  readonly settledCallId: CallId;
  readonly answered: readonly AnsweredCall[];
  /** What the rows are of. */
  readonly subscriptions: readonly SubscriptionRequest[];
  readonly ids: StoredIds;
  /** As hex. Absent in what earlier versions have kept. */
  readonly databaseIdentity: string | undefined;
  /** Keys of the `changes` that belong to the image. */
  readonly changesFrom: number;
  readonly changesTo: number;
  /** Of the module that calls were kept with, for when its record can't be read. */
  readonly moduleHash?: string;
}

/** As much of a module as it takes to read what was written with it. */
export interface StoredModule {
  readonly hash: string;
  readonly tables: readonly StoredTable[];
  /** Calls up to this one were made with another module, and the app has not said yet what becomes of them. */
  readonly reviewTo?: CallId;
  /** By name; what clients can call. */
  readonly reducers: Readonly<Record<string, ProductType>>;
}

export interface StoredTable {
  readonly tableId: number;
  readonly name: string;
  readonly columns: readonly { readonly name: string; readonly field: string; readonly type: ColumnType }[];
  readonly primaryKey: number | undefined;
}

export interface StoredImage {
  readonly bytes: number;
  readonly chunks: number;
}

export interface StoredUnsendable {
  readonly reducer: string;
  readonly params: ProductType;
  /** BSATN of the arguments. */
  readonly args: readonly number[];
  readonly timestampMicros: number;
  readonly reason: string;
  /** The number that it had; absent when that can't be read. */
  readonly callId?: number;
  /** `maybe`: an earlier start may have sent it. `answered`: the authority has run it, whatever came of that. */
  readonly sent?: 'no' | 'maybe' | 'answered';
}

/** A call that waits for its answer, as it outlives a reload. */
export interface StoredCall {
  readonly callId: CallId;
  readonly clientId: ClientId;
  readonly reducer: string;
  readonly timestampMicros: number;
  readonly sender: bigint;
  readonly connectionId: bigint | undefined;
  readonly idHints: readonly IdHint[];
  readonly args: Uint8Array;
  /** The page that made it, and its number there. */
  readonly pageId: string;
  readonly handleId: number;
}

export const stateRecord = (state: StoredState): StoredRecord => sealed('state', stateKey, json(state));
export const moduleRecord = (module: StoredModule): StoredRecord => sealed('state', moduleKey, json(module));
export const imageRecord = (image: StoredImage): StoredRecord => sealed('state', imageKey, json(image));
export const tokenRecord = (token: string): StoredRecord => sealed('state', tokenKey, new TextEncoder().encode(token));
export const unheardRecord = (from: CallId): StoredRecord => sealed('state', unheardKey, json(from));
export const unsendableRecord = (key: number, call: StoredUnsendable): StoredRecord => sealed('state', key, json(call));
export const callRecord = (call: StoredCall): StoredRecord => sealed('calls', call.callId, encodeCall(call));
export const changesRecord = (key: number, changes: Uint8Array): StoredRecord => sealed('changes', key, changes);
export const imageChunkRecord = (key: number, chunk: Uint8Array): StoredRecord => sealed('image', key, chunk);

/** Everything that could be read, and what could not. */
export interface StoredReplica {
  readonly state: StoredState | undefined;
  readonly module: StoredModule | undefined;
  readonly token: string;
  readonly unheardFrom: CallId | undefined;
  /** Ascending. */
  readonly calls: readonly StoredCall[];
  readonly unsendable: readonly { readonly key: number; readonly call: StoredUnsendable }[];
  /** The rows; absent when there are none, or when something is missing. */
  readonly rows: { readonly image: Uint8Array; readonly changes: readonly Uint8Array[] } | undefined;
  /** Where calls were that can't be read any more, those that could not be sent among them. */
  readonly damagedCalls: readonly Pick<StoredRecord, 'section' | 'key'>[];
}

export function readReplica(records: readonly StoredRecord[]): StoredReplica {
  const damagedCalls: Pick<StoredRecord, 'section' | 'key'>[] = [];
  const bySection = new Map<Section, Map<number, Uint8Array>>(sections.map((section) => [section, new Map()]));
  for (const { section, key, value } of records) {
    const payload = unsealed(section, key, value);
    if (payload !== undefined) bySection.get(section)?.set(key, payload);
    else if (section === 'calls' || (section === 'state' && key >= unsendableKeyBase))
      damagedCalls.push({ section, key });
  }
  const of = (section: Section): ReadonlyMap<number, Uint8Array> => bySection.get(section) ?? new Map();
  const states = of('state');
  const module = parsed<StoredModule>(states.get(moduleKey));
  const state = stateOf(parsed<StoredState>(states.get(stateKey)));
  const rows =
    state?.hasRows === true ? rowsOf(state, parsed(states.get(imageKey)), of('image'), of('changes')) : undefined;
  // Of a write that was lost to damage their removal may have been part.
  const isWaiting = ({ key }: { readonly key: number }): boolean => key > (state?.settledCallId ?? 0);
  const { calls, unread } = callsOf(of('calls'));
  return {
    state,
    module,
    unheardFrom: parsed<CallId>(states.get(unheardKey)),
    token: new TextDecoder().decode(states.get(tokenKey) ?? new Uint8Array()),
    calls: calls.filter(({ callId }) => isWaiting({ key: callId })),
    unsendable: [...states]
      .filter(([key]) => key >= unsendableKeyBase)
      .flatMap(([key, payload]) => {
        const call = parsed<StoredUnsendable>(payload);
        return call === undefined ? [] : [{ key, call }];
      }),
    rows: module === undefined ? undefined : rows,
    damagedCalls: [...damagedCalls, ...unread].filter((each) => each.section !== 'calls' || isWaiting(each)),
  };
}

function stateOf(state: StoredState | undefined): StoredState | undefined {
  return state?.version === storedVersion ? state : undefined;
}

function callsOf(payloads: ReadonlyMap<number, Uint8Array>): {
  readonly calls: readonly StoredCall[];
  readonly unread: readonly Pick<StoredRecord, 'section' | 'key'>[];
} {
  const calls: StoredCall[] = [];
  const unread: Pick<StoredRecord, 'section' | 'key'>[] = [];
  for (const [key, payload] of payloads) {
    const call = decodeCall(payload);
    if (call?.callId === key) calls.push(call);
    else unread.push({ section: 'calls', key });
  }
  return { calls: calls.sort((a, b) => a.callId - b.callId), unread };
}

function rowsOf(
  { changesFrom, changesTo }: StoredState,
  index: StoredImage | undefined,
  chunks: ReadonlyMap<number, Uint8Array>,
  changes: ReadonlyMap<number, Uint8Array>,
): StoredReplica['rows'] {
  if (index === undefined) return undefined;
  const image = new Uint8Array(index.bytes);
  let at = 0;
  for (let key = 0; key < index.chunks; key++) {
    const chunk = chunks.get(key);
    if (chunk === undefined || at + chunk.length > image.length) return undefined;
    image.set(chunk, at);
    at += chunk.length;
  }
  const list: Uint8Array[] = [];
  for (let key = changesFrom; key < changesTo; key++) {
    const each = changes.get(key);
    if (each === undefined) return undefined;
    list.push(each);
  }
  return at === image.length ? { image, changes: list } : undefined;
}

function encodeCall(call: StoredCall): Uint8Array {
  const writer = new ByteWriter();
  writer.varint(call.callId);
  writer.raw(idBytes(call.clientId));
  writer.string(call.reducer);
  writer.u64(BigInt(call.timestampMicros));
  writer.u256(call.sender);
  writer.bool(call.connectionId !== undefined);
  if (call.connectionId !== undefined) writer.u128(call.connectionId);
  writer.varint(call.idHints.length);
  for (const { tableId, column, first } of call.idHints) {
    writer.varint(tableId);
    writer.varint(column);
    writer.u64(first);
  }
  writer.byteArray(call.args);
  writer.string(call.pageId);
  writer.varint(call.handleId);
  return writer.take();
}

function decodeCall(payload: Uint8Array): StoredCall | undefined {
  try {
    const reader = new ByteReader(payload);
    const call: StoredCall = {
      callId: reader.varint() as CallId,
      clientId: clientIdFromBytes(reader.raw(16)),
      reducer: reader.string(),
      timestampMicros: Number(reader.u64()),
      sender: reader.u256(),
      connectionId: reader.bool() ? reader.u128() : undefined,
      idHints: Array.from({ length: reader.varint() }, () => ({
        tableId: reader.varint(),
        column: reader.varint(),
        first: reader.u64(),
      })),
      args: reader.byteArray(),
      pageId: reader.string(),
      handleId: reader.varint(),
    };
    reader.expectEnd();
    return call;
  } catch {
    return undefined;
  }
}

function sealed(section: Section, key: number, payload: Uint8Array): StoredRecord {
  const writer = new ByteWriter();
  writer.u32(sumOf(section, key, payload));
  writer.raw(payload);
  return { section, key, value: writer.take() };
}

/** What is there is what was written there. */
export function isSound(section: Section, key: number, value: Uint8Array): boolean {
  return unsealed(section, key, value) !== undefined;
}

function unsealed(section: Section, key: number, value: Uint8Array): Uint8Array | undefined {
  if (value.length < 4) return undefined;
  const payload = value.subarray(4);
  return new ByteReader(value.subarray(0, 4)).u32() === sumOf(section, key, payload) ? payload : undefined;
}

function sumOf(section: Section, key: number, payload: Uint8Array): number {
  return checksum(payload, Math.imul(sections.indexOf(section) + 1, 0x9e3779b1) ^ (key % 2 ** 31));
}

function json(value: unknown): Uint8Array {
  return new TextEncoder().encode(JSON.stringify(value));
}

/** Its checksum is right, so it is what this code, or a later version of it, wrote. */
function parsed<T>(payload: Uint8Array | undefined): T | undefined {
  if (payload === undefined) return undefined;
  try {
    return JSON.parse(new TextDecoder().decode(payload)) as T;
  } catch {
    return undefined;
  }
}
