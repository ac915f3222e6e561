/**
 * Messages as bytes, to the byte. A frame is messages one after the other, nothing between and nothing around them.
 *
 * Integers are little-endian, `varint` is unsigned LEB128, `signed` a zigzag varint, `text` u32 length and UTF-8, `list`
 * a varint count and the elements, `option` u8 0 or 1 and the value.
 *
 *     client → authority                      u8 tag
 *     1 hello        varint version, text moduleHash, 16 bytes clientId, text token, option (8 bytes epoch, varint seq),
 *                    varint settledCallId, list subscription
 *     2 call         varint callId, varint reducerId, u64 timestamp µs, list (varint tableId, varint column, u64 first),
 *                    varint length, args
 *     3 subscribe    subscription
 *     4 unsubscribe  varint subscriptionId
 *     5 acknowledge  varint seq, varint callId
 *     6 ping         f64 ms
 *     subscription = varint subscriptionId, list text
 *
 *     authority → client
 *     1 welcome      8 bytes epoch, varint seq, u8 resumed, varint lastCallId, u256 identity, u128 connectionId,
 *                    text token, u256 databaseIdentity, u64 µs
 *     2 batch        varint lastSeq, list outcome, list commit
 *     3 snapshot     varint subscriptionId, varint tableId, varint totalRows, list row
 *     4 applied      varint subscriptionId, varint seq
 *     5 refused      varint subscriptionId, text message
 *     6 lease        varint tableId, varint column, u64 from, u64 to
 *     7 pong         f64 ms, u64 µs
 *     8 error        text code, text message
 *     9 ephemeral    varint callId or 0, list varint tableId, list change
 *    10 staged       varint subscriptionId, varint lastSeq, list commit
 *    11 leaving      varint subscriptionId, varint tableId, list key
 *    12 ended        varint subscriptionId, varint seq
 *    13 check        varint seq, list (varint tableId, varint rows, u64 sum)
 *    14 module       text moduleHash, list table, list reducer: `outline-codec.ts` has them
 *     outcome = varint callId, u8 kind: 0 committed: varint (lastSeq - seq) · 1 unchanged · 2 rejected: text code, text message
 *     commit  = varint (lastSeq - seq), u64 timestamp µs, list change
 */

import type { ByteReader, ByteWriter } from '../codec/bytes.ts';
import {
  type CallId,
  clientIdFromBytes,
  epochFromBytes,
  type IdHint,
  idBytes,
  type Outcome,
  type Rejection,
  type Seq,
} from '../commit/call.ts';
import type { Commit } from '../commit/commit.ts';
import type { Row } from '../commit/row-change.ts';
import { unreachable } from '../assert.ts';
import { decodeChange, decodeKey } from '../engine/change-codec.ts';
import type { RowShape } from '../engine/row-shape.ts';
import { type ErrorCode, ForerunError } from '../errors.ts';
import type {
  CallMessage,
  ClientMessage,
  HelloMessage,
  RowsFrame,
  ServerMessage,
  SubscriptionRequest,
  WelcomeMessage,
} from './messages.ts';
import { asked, elements, list } from './lists.ts';
import { decodeOutline, encodeOutline } from './outline-codec.ts';
import { oldestProtocolVersion, protocolVersion } from './version.ts';

export const clientTag = { hello: 1, call: 2, subscribe: 3, unsubscribe: 4, acknowledge: 5, ping: 6 } as const;
export const serverTag = {
  welcome: 1,
  batch: 2,
  snapshot: 3,
  applied: 4,
  refused: 5,
  lease: 6,
  pong: 7,
  error: 8,
  ephemeral: 9,
  staged: 10,
  leaving: 11,
  ended: 12,
  check: 13,
  module: 14,
} as const;

export function encodeClientMessage(writer: ByteWriter, message: ClientMessage): void {
  writer.u8(clientTag[message.type]);
  switch (message.type) {
    case 'hello':
      return encodeHello(writer, message);
    case 'call':
      return encodeCall(writer, message);
    case 'subscribe':
      return encodeSubscription(writer, message.subscription);
    case 'unsubscribe':
      return writer.varint(message.subscriptionId);
    case 'acknowledge':
      writer.varint(message.seq);
      return writer.varint(message.callId);
    case 'ping':
      return writer.f64(message.sentMs);
    default:
      return unreachable(message);
  }
}

/** Reads the next message of a frame. Throws `frame-invalid` with the place of what it can't read, or `protocol-mismatch`. */
export function decodeClientMessage(reader: ByteReader): ClientMessage {
  const tag = reader.u8();
  switch (tag) {
    case clientTag.hello:
      return decodeHello(reader);
    case clientTag.call:
      return decodeCall(reader);
    case clientTag.subscribe:
      return { type: 'subscribe', subscription: decodeSubscription(reader) };
    case clientTag.unsubscribe:
      return { type: 'unsubscribe', subscriptionId: reader.varint() };
    case clientTag.acknowledge:
      return { type: 'acknowledge', seq: reader.varint() as Seq, callId: reader.varint() as CallId };
    case clientTag.ping:
      return { type: 'ping', sentMs: reader.f64() };
    default:
      return reader.refuse(`a client message with the unknown tag ${tag}`);
  }
}

/** Everything but what has rows, whose bytes the authority puts together from what it has (`session/`). */
export function encodeServerMessage(writer: ByteWriter, message: Exclude<ServerMessage, RowsFrame>): void {
  switch (message.type) {
    case 'welcome':
      writer.u8(serverTag.welcome);
      return encodeWelcome(writer, message);
    case 'applied':
    case 'ended':
      writer.u8(serverTag[message.type]);
      writer.varint(message.subscriptionId);
      return writer.varint(message.seq);
    case 'subscriptionRefused':
      writer.u8(serverTag.refused);
      writer.varint(message.subscriptionId);
      return writer.string(message.message);
    case 'lease':
      writer.u8(serverTag.lease);
      writer.varint(message.tableId);
      writer.varint(message.column);
      writer.u64(message.from);
      return writer.u64(message.to);
    case 'check':
      writer.u8(serverTag.check);
      writer.varint(message.seq);
      writer.varint(message.tables.length);
      for (const { tableId, rows, sum } of message.tables) {
        writer.varint(tableId);
        writer.varint(rows);
        writer.u64(sum);
      }
      return;
    case 'module':
      writer.u8(serverTag.module);
      return encodeOutline(writer, message.outline);
    case 'pong':
      writer.u8(serverTag.pong);
      writer.f64(message.sentMs);
      return writer.u64(BigInt(message.authorityMicros));
    case 'error':
      writer.u8(serverTag.error);
      writer.string(message.code);
      return writer.string(message.message);
    default:
      return unreachable(message);
  }
}

export function decodeServerMessage(reader: ByteReader, shapeOf: (tableId: number) => RowShape): ServerMessage {
  const tag = reader.u8();
  switch (tag) {
    case serverTag.welcome:
      return decodeWelcome(reader);
    case serverTag.batch:
      return decodeBatch(reader, shapeOf);
    case serverTag.snapshot: {
      const subscriptionId = reader.varint();
      const tableId = reader.varint();
      const { codec } = shapeOf(tableId);
      const totalRows = reader.varint();
      // Rows of no bytes are all the same one, of which a table has one.
      const rows: Row[] = list(reader, () => codec.decode(reader), codec.bytesMin === 0 ? 1 : 0);
      return { type: 'snapshot', subscriptionId, tableId, totalRows, rows };
    }
    case serverTag.applied:
      return { type: 'applied', subscriptionId: reader.varint(), seq: reader.varint() as Seq };
    case serverTag.staged: {
      const subscriptionId = reader.varint();
      const lastSeq = reader.varint() as Seq;
      return { type: 'staged', subscriptionId, lastSeq, commits: decodeCommits(reader, lastSeq, noOwn, shapeOf) };
    }
    case serverTag.leaving: {
      const subscriptionId = reader.varint();
      const tableId = reader.varint();
      const shape = shapeOf(tableId);
      const keys = list(reader, () => decodeKey(reader, shape), shape.codec.bytesMin === 0 ? 1 : 0);
      return { type: 'leaving', subscriptionId, tableId, keys };
    }
    case serverTag.ended:
      return { type: 'ended', subscriptionId: reader.varint(), seq: reader.varint() as Seq };
    case serverTag.refused:
      return { type: 'subscriptionRefused', subscriptionId: reader.varint(), message: reader.string() };
    case serverTag.lease:
      return { type: 'lease', tableId: reader.varint(), column: reader.varint(), from: reader.u64(), to: reader.u64() };
    case serverTag.check:
      return {
        type: 'check',
        seq: reader.varint() as Seq,
        tables: list(reader, () => ({ tableId: reader.varint(), rows: reader.varint(), sum: reader.u64() })),
      };
    case serverTag.module:
      return { type: 'module', outline: decodeOutline(reader) };
    case serverTag.pong:
      return { type: 'pong', sentMs: reader.f64(), authorityMicros: Number(reader.u64()) };
    case serverTag.error:
      // A newer authority may know codes that we don't; they are passed on as they are.
      return { type: 'error', code: reader.string() as ErrorCode, message: reader.string() };
    case serverTag.ephemeral:
      return {
        type: 'ephemeral',
        callId: (reader.varint() || undefined) as CallId | undefined,
        completeTables: list(reader, () => reader.varint()),
        changes: list(reader, () => decodeChange(reader, shapeOf)),
      };
    default:
      return reader.refuse(`a server message with the unknown tag ${tag}`);
  }
}

export function encodeOutcome(writer: ByteWriter, outcome: Outcome, lastSeq: Seq): void {
  writer.varint(outcome.callId);
  switch (outcome.type) {
    case 'committed':
      writer.u8(0);
      return writer.varint(lastSeq - outcome.seq);
    case 'unchanged':
      return writer.u8(1);
    case 'rejected':
      writer.u8(2);
      writer.string(outcome.rejection.code);
      return writer.string(outcome.rejection.message);
    default:
      return unreachable(outcome);
  }
}

function encodeHello(writer: ByteWriter, message: HelloMessage): void {
  writer.varint(message.version);
  writer.string(message.moduleHash);
  writer.raw(idBytes(message.clientId));
  writer.string(message.token);
  writer.bool(message.position !== undefined);
  if (message.position !== undefined) {
    writer.raw(idBytes(message.position.epoch));
    writer.varint(message.position.seq);
  }
  writer.varint(message.settledCallId);
  writer.varint(message.subscriptions.length);
  for (const subscription of message.subscriptions) encodeSubscription(writer, subscription);
}

/** What follows the version is read only if it is one of ours: another's may be anything. */
function decodeHello(reader: ByteReader): HelloMessage {
  const version = reader.varint();
  checkVersion(version);
  return {
    type: 'hello',
    version,
    moduleHash: reader.string(),
    clientId: clientIdFromBytes(reader.raw(16)),
    token: reader.string(),
    position: reader.bool() ? { epoch: epochFromBytes(reader.raw(8)), seq: reader.varint() as Seq } : undefined,
    settledCallId: reader.varint() as CallId,
    subscriptions: asked(reader, decodeSubscription),
  };
}

function checkVersion(version: number): void {
  if (version >= oldestProtocolVersion && version <= protocolVersion) return;
  throw new ForerunError(
    'protocol-mismatch',
    `This authority speaks protocol ${oldestProtocolVersion} to ${protocolVersion}, the client ${version}. Update the older side.`,
  );
}

function encodeCall(writer: ByteWriter, message: CallMessage): void {
  writer.varint(message.callId);
  writer.varint(message.reducerId);
  writer.u64(BigInt(message.timestampMicros));
  writer.varint(message.idHints.length);
  for (const hint of message.idHints) {
    writer.varint(hint.tableId);
    writer.varint(hint.column);
    writer.u64(hint.first);
  }
  writer.varint(message.args.length);
  writer.raw(message.args);
}

function decodeCall(reader: ByteReader): CallMessage {
  return {
    type: 'call',
    callId: reader.varint() as CallId,
    reducerId: reader.varint(),
    timestampMicros: reader.safeU64(),
    idHints: decodeIdHints(reader, reader.varint()),
    args: reader.rawView(reader.varint()),
  };
}

export function decodeIdHints(reader: ByteReader, count: number): IdHint[] {
  return elements(reader, count, () => ({ tableId: reader.varint(), column: reader.varint(), first: reader.u64() }));
}

function encodeSubscription(writer: ByteWriter, { subscriptionId, queries }: SubscriptionRequest): void {
  writer.varint(subscriptionId);
  writer.varint(queries.length);
  for (const query of queries) writer.string(query);
}

function decodeSubscription(reader: ByteReader): SubscriptionRequest {
  return { subscriptionId: reader.varint(), queries: asked(reader, () => reader.string()) };
}

function encodeWelcome(writer: ByteWriter, message: WelcomeMessage): void {
  writer.raw(idBytes(message.epoch));
  writer.varint(message.seq);
  writer.bool(message.resumed);
  writer.varint(message.lastCallId);
  writer.u256(message.identity);
  writer.u128(message.connectionId);
  writer.string(message.token);
  writer.u256(message.databaseIdentity);
  writer.u64(BigInt(message.authorityMicros));
}

function decodeWelcome(reader: ByteReader): WelcomeMessage {
  return {
    type: 'welcome',
    epoch: epochFromBytes(reader.raw(8)),
    seq: reader.varint() as Seq,
    resumed: reader.bool(),
    lastCallId: reader.varint() as CallId,
    identity: reader.u256(),
    connectionId: reader.u128(),
    token: reader.string(),
    databaseIdentity: reader.u256(),
    authorityMicros: Number(reader.u64()),
  };
}

function decodeBatch(reader: ByteReader, shapeOf: (tableId: number) => RowShape): ServerMessage {
  const lastSeq = reader.varint() as Seq;
  const outcomes = list(reader, () => decodeOutcome(reader, lastSeq));
  const own = new Map<number, CallId>();
  for (const outcome of outcomes) if (outcome.type === 'committed') own.set(outcome.seq, outcome.callId);
  return { type: 'batch', lastSeq, outcomes, commits: decodeCommits(reader, lastSeq, own, shapeOf) };
}

const noOwn: ReadonlyMap<number, CallId> = new Map();

function decodeCommits(
  reader: ByteReader,
  lastSeq: Seq,
  own: ReadonlyMap<number, CallId>,
  shapeOf: (tableId: number) => RowShape,
): Commit[] {
  return list(reader, (): Commit => {
    const seq = seqBefore(reader, lastSeq);
    return {
      seq,
      timestampMicros: Number(reader.u64()),
      ownCallId: own.get(seq),
      changes: list(reader, () => decodeChange(reader, shapeOf)),
    };
  });
}

function decodeOutcome(reader: ByteReader, lastSeq: Seq): Outcome {
  const callId = reader.varint() as CallId;
  const kind = reader.u8();
  if (kind === 0) return { type: 'committed', callId, seq: seqBefore(reader, lastSeq) };
  if (kind === 1) return { type: 'unchanged', callId };
  if (kind !== 2) return reader.refuse(`an outcome of the unknown kind ${kind}`);
  return {
    type: 'rejected',
    callId,
    rejection: { code: reader.string() as Rejection['code'], message: reader.string() },
  };
}

function seqBefore(reader: ByteReader, lastSeq: Seq): Seq {
  const distance = reader.varint();
  if (distance > lastSeq) reader.refuse(`commit ${lastSeq - distance}, which there is not`);
  return (lastSeq - distance) as Seq;
}
