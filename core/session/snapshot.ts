/**
 * A subscription's rows, sent in chunks between which calls go on.
 *
 * Law: a chunk is as of the moment it is read, which is between two batches, and is sent after the batches it contains and
 * before the ones it doesn't.
 * Rows that change after their chunk come as commits, rows that change before it are newer in the chunk, so that what a
 * client has collected when `applied` arrives is exactly the rows as of that moment.
 */

import type { Seq } from '../commit/call.ts';
import type { Key, Row } from '../commit/row-change.ts';
import { ByteWriter } from '../codec/bytes.ts';
import type { Engine } from '../engine/engine.ts';
import type { Scheduler } from '../environment.ts';
import { limits } from '../limits.ts';
import type { TableDefinition } from '../module/definition.ts';
import { encodeServerMessage, serverTag } from '../protocol/frame.ts';

export interface SnapshotRequest {
  readonly subscriptionId: number;
  readonly tables: readonly TableDefinition[];
  readonly engine: Engine;
  readonly scheduler: Scheduler;
  readonly session: { readonly hold: (frame: Uint8Array) => void; readonly bufferedBytes: () => number };
  /** False once the connection or the subscription is gone. */
  readonly isWanted: () => boolean;
  readonly seq: () => Seq;
  /** Runs it when no batch is half executed. */
  readonly betweenBatches: (task: () => void) => void;
}

const bufferedBytesTarget = 1024 * 1024;
const fullBufferDelayMs = 5;

export function sendSnapshot(request: SnapshotRequest): void {
  const { subscriptionId, tables, engine, scheduler, session } = request;
  const step = (position: number, after: Key | undefined): void => request.betweenBatches(() => take(position, after));
  const take = (position: number, after: Key | undefined): void => {
    if (!request.isWanted()) return;
    if (session.bufferedBytes() > bufferedBytesTarget) {
      scheduler.after(fullBufferDelayMs, () => step(position, after));
      return;
    }
    const table = tables[position];
    if (table === undefined) {
      const writer = new ByteWriter();
      encodeServerMessage(writer, { type: 'applied', subscriptionId, seq: request.seq() });
      session.hold(writer.take());
      return;
    }
    const last = table.event ? undefined : sendChunk(subscriptionId, table, engine, session, after);
    scheduler.soon(() => (last === undefined ? step(position + 1, undefined) : step(position, last)));
  };
  step(0, undefined);
}

/** Gives the last key sent, or undefined at the end of the table. */
function sendChunk(
  subscriptionId: number,
  table: TableDefinition,
  engine: Engine,
  session: SnapshotRequest['session'],
  after: Key | undefined,
): Key | undefined {
  const store = engine.store(table.tableId);
  const rows = store.page(after, limits.snapshotChunkRows);
  for (let sent = 0; sent < rows.length; ) {
    const encoded = new ByteWriter();
    const first = sent;
    // A row of any size makes a frame; several only as long as they are small.
    while (sent < rows.length && encoded.offset < limits.frameBytesTarget)
      store.shape.codec.encode(encoded, rows[sent++] as Row);
    const writer = new ByteWriter();
    writer.u8(serverTag.snapshot);
    writer.varint(subscriptionId);
    writer.varint(table.tableId);
    writer.varint(store.count);
    writer.varint(sent - first);
    writer.raw(encoded.view());
    session.hold(writer.take());
  }
  return rows.length < limits.snapshotChunkRows ? undefined : store.shape.keyOf(rows[rows.length - 1] as Row);
}
