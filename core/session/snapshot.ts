/**
 * The rows of a subscription that begins, or the keys of those that go with one that ends: sent in chunks between which
 * calls go on.
 *
 * Law: a chunk is as of the moment it is read, which is between two batches, and is sent after the batches it contains and
 * before the ones it doesn't.
 * Rows that change after their chunk come as changes, rows that change before it are newer in the chunk, so that what a
 * client has collected when the end is told is exactly the rows as of that moment.
 */

import type { Key, Row } from '../commit/row-change.ts';
import { ByteWriter } from '../codec/bytes.ts';
import { encodeKey } from '../engine/change-codec.ts';
import type { Engine } from '../engine/engine.ts';
import type { Clock, Scheduler } from '../environment.ts';
import { limits } from '../limits.ts';
import { serverTag } from '../protocol/frame.ts';
import { scanPage } from '../query/page-scan.ts';
import type { QueryPlan } from '../query/plan.ts';
import type { SharedQuery } from './shared-query.ts';

export interface SnapshotRequest {
  readonly subscriptionId: number;
  /** Whole rows for a client that lacks them, or keys for one that is to drop them. */
  readonly form: 'rows' | 'keys';
  /** Wanted are rows of these … */
  readonly plus: readonly SharedQuery[];
  /** … which are in none of these. */
  readonly minus: readonly SharedQuery[];
  readonly engine: Engine;
  readonly scheduler: Scheduler;
  readonly clock: Clock;
  readonly session: { readonly hold: (frame: Uint8Array) => void; readonly bufferedBytes: () => number };
  /** False once the connection or the subscription is gone. */
  readonly isWanted: () => boolean;
  /** All rows are sent. Called between two batches. */
  readonly done: () => void;
  /** Runs it when no batch is half executed. */
  readonly betweenBatches: (task: () => void) => void;
}

const bufferedBytesTarget = 1024 * 1024;
const fullBufferDelayMs = 5;
/** A chunk that took longer is followed by a smaller one. */
const chunkMsMax = 4;
const chunkRowsMin = 16;
const flushRows = 500;
/** Who writes faster than this keeps up must not hold the snapshot up for good. */
const flushesMax = 1_000;

interface Place {
  /** Position in `branchesOf(plus)`. */
  readonly branch: number;
  readonly after: Key | undefined;
  readonly rowsMax: number;
  /** Steps that went into writing. */
  readonly flushes?: number;
}

export function sendSnapshot(request: SnapshotRequest): void {
  const { plus, scheduler, session, clock } = request;
  const branches = plus.flatMap((query) => query.branches.map((plan) => ({ query, plan })));
  const step = (place: Place): void => request.betweenBatches(() => take(place));
  const take = ({ branch, after, rowsMax, flushes = 0 }: Place): void => {
    if (!request.isWanted()) return;
    if (session.bufferedBytes() > bufferedBytesTarget) {
      scheduler.after(fullBufferDelayMs, () => step({ branch, after, rowsMax, flushes }));
      return;
    }
    if (branch >= branches.length) return request.done();
    // Rows that wait for SQLite are written in steps as well, or the first chunk would write all of them.
    if (flushes < flushesMax && !flushedSome(request.engine, (branches[branch] as Branch).plan)) {
      scheduler.soon(() => step({ branch, after, rowsMax, flushes: flushes + 1 }));
      return;
    }
    const startMs = clock.monotonicMs();
    const next = sendChunk(request, branches, branch, after, rowsMax);
    const isSlow = clock.monotonicMs() - startMs > chunkMsMax;
    const nextRowsMax = isSlow ? Math.max(chunkRowsMin, rowsMax >> 1) : Math.min(limits.snapshotChunkRows, rowsMax * 2);
    const following =
      next === undefined
        ? { branch: branch + 1, after: undefined, rowsMax: nextRowsMax }
        : { branch, after: next, rowsMax: nextRowsMax };
    scheduler.soon(() => step(following));
  };
  step({ branch: 0, after: undefined, rowsMax: limits.snapshotChunkRows });
}

function flushedSome(engine: Engine, { sources }: QueryPlan): boolean {
  return sources.every(({ table }) => engine.store(table.tableId).flushSome(flushRows));
}

interface Branch {
  readonly query: SharedQuery;
  readonly plan: QueryPlan;
}

/** Gives where the next chunk begins, or undefined at the end of the branch. */
function sendChunk(
  request: SnapshotRequest,
  branches: readonly Branch[],
  position: number,
  after: Key | undefined,
  rowsMax: number,
): Key | undefined {
  const { minus, engine } = request;
  const { query, plan } = branches[position] as Branch;
  const { table } = query;
  if (table.event) return undefined;
  const { rows, next } = scanPage(engine, plan, after, rowsMax);
  const isOther = (other: SharedQuery): boolean => other.table.tableId === table.tableId;
  // What an earlier query holds by the row alone was sent with it, or has changed since and was sent then.
  const earlier = branches.slice(0, position).map((each) => each.query);
  const known = [...new Set(earlier)].filter((other) => other !== query && !other.isJoined && isOther(other));
  const others = minus.filter(isOther);
  const isWanted = (row: Row): boolean =>
    !known.some((other) => other.containsAlone(row)) && !others.some((other) => other.contains(row));
  send(request, query, known.length + others.length === 0 ? rows : rows.filter(isWanted));
  return next;
}

function send(request: SnapshotRequest, { table }: SharedQuery, rows: readonly Row[]): void {
  const { subscriptionId, form, engine, session } = request;
  const store = engine.store(table.tableId);
  const { codec, keyOf } = store.shape;
  for (let sent = 0; sent < rows.length; ) {
    const encoded = new ByteWriter();
    const first = sent;
    // A row of any size makes a frame; several only as long as they are small.
    while (sent < rows.length && encoded.offset < limits.frameBytesTarget) {
      const row = rows[sent++] as Row;
      if (form === 'rows') codec.encode(encoded, row);
      else encodeKey(encoded, keyOf(row), store.shape);
    }
    const writer = new ByteWriter();
    writer.u8(form === 'rows' ? serverTag.snapshot : serverTag.leaving);
    writer.varint(subscriptionId);
    writer.varint(table.wireTableId ?? table.tableId);
    if (form === 'rows') writer.varint(store.count);
    writer.varint(sent - first);
    writer.raw(encoded.view());
    session.hold(writer.take());
  }
}
