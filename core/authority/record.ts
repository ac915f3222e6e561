/**
 * What a log batch holds, to the byte. Integers are little-endian; `varint` is unsigned LEB128; strings are u32 length
 * and UTF-8. `docs/log-format.md` says the same with examples.
 *
 *     batch  = u8 format (1), i64 base timestamp in microseconds, record*
 *     record = u8 kind, body
 *
 *     1 commit       varint clientNo, varint callId, signed varint (timestamp - base), varint n, n × change
 *     2 unchanged    varint clientNo, varint callId
 *     3 rejected     varint clientNo, varint callId, string code, string message
 *     4 client       varint clientNo, 16 bytes clientId, 32 bytes identity
 *     5 lease        varint tableId, varint column, varint clientNo, u64 from, u64 to (exclusive)
 *     6 connected    16 bytes connectionId, 32 bytes identity
 *     7 disconnected 16 bytes connectionId
 *     8 acknowledged varint clientNo, varint callId
 *
 * `change` is `core/engine/change-codec.ts`. A clientNo stands for a clientId in this database; 0 is the database
 * itself. After `acknowledged` the outcomes of the client's calls up to that one are kept no longer. The commits of a
 * batch have consecutive seqs from its `firstSeq`. A signed varint is zigzag: 2n or -2n-1.
 */

import type { ByteWriter } from '../codec/bytes.ts';
import type { CallId, Rejection, Seq } from '../commit/call.ts';
import type { RowChange } from '../commit/row-change.ts';

export const recordFormat = 1;

export const recordKind = {
  commit: 1,
  unchanged: 2,
  rejected: 3,
  client: 4,
  lease: 5,
  connected: 6,
  disconnected: 7,
  acknowledged: 8,
} as const;

export type LogRecord =
  | {
      readonly type: 'commit';
      readonly seq: Seq;
      readonly clientNo: number;
      readonly callId: CallId;
      readonly timestampMicros: number;
      readonly changes: readonly RowChange[];
    }
  | { readonly type: 'unchanged'; readonly clientNo: number; readonly callId: CallId }
  | { readonly type: 'rejected'; readonly clientNo: number; readonly callId: CallId; readonly rejection: Rejection }
  | { readonly type: 'client'; readonly clientNo: number; readonly clientId: Uint8Array; readonly identity: bigint }
  | {
      readonly type: 'lease';
      readonly tableId: number;
      readonly column: number;
      readonly clientNo: number;
      readonly from: bigint;
      readonly to: bigint;
    }
  | { readonly type: 'connected'; readonly connectionId: bigint; readonly identity: bigint }
  | { readonly type: 'disconnected'; readonly connectionId: bigint }
  | { readonly type: 'acknowledged'; readonly clientNo: number; readonly callId: CallId };

export function beginBatch(writer: ByteWriter, baseMicros: number): void {
  writer.u8(recordFormat);
  writer.i64(BigInt(baseMicros));
}

/** Everything of a commit up to its changes. */
export function beginCommit(
  writer: ByteWriter,
  clientNo: number,
  callId: number,
  sinceBaseMicros: number,
  changeCount: number,
): void {
  writer.u8(recordKind.commit);
  writer.varint(clientNo);
  writer.varint(callId);
  writer.varint(zigzag(sinceBaseMicros));
  writer.varint(changeCount);
}

export function writeUnchanged(writer: ByteWriter, clientNo: number, callId: number): void {
  writer.u8(recordKind.unchanged);
  writer.varint(clientNo);
  writer.varint(callId);
}

export function writeRejected(writer: ByteWriter, clientNo: number, callId: number, rejection: Rejection): void {
  writer.u8(recordKind.rejected);
  writer.varint(clientNo);
  writer.varint(callId);
  writer.string(rejection.code);
  writer.string(rejection.message);
}

export function writeClient(writer: ByteWriter, clientNo: number, clientId: Uint8Array, identity: bigint): void {
  writer.u8(recordKind.client);
  writer.varint(clientNo);
  writer.raw(clientId);
  writer.u256(identity);
}

export function writeLease(
  writer: ByteWriter,
  tableId: number,
  column: number,
  clientNo: number,
  from: bigint,
  to: bigint,
): void {
  writer.u8(recordKind.lease);
  writer.varint(tableId);
  writer.varint(column);
  writer.varint(clientNo);
  writer.u64(from);
  writer.u64(to);
}

export function writeConnected(writer: ByteWriter, connectionId: bigint, identity: bigint): void {
  writer.u8(recordKind.connected);
  writer.u128(connectionId);
  writer.u256(identity);
}

export function writeDisconnected(writer: ByteWriter, connectionId: bigint): void {
  writer.u8(recordKind.disconnected);
  writer.u128(connectionId);
}

export function writeAcknowledged(writer: ByteWriter, clientNo: number, callId: number): void {
  writer.u8(recordKind.acknowledged);
  writer.varint(clientNo);
  writer.varint(callId);
}

export function zigzag(value: number): number {
  return value >= 0 ? value * 2 : value * -2 - 1;
}

export function unzigzag(value: number): number {
  return value % 2 === 0 ? value / 2 : -(value + 1) / 2;
}
