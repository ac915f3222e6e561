/**
 * Calls on their way from executed to durable: the batch that is being filled while the one before it is written.
 *
 * A batch is encoded as its calls run, once, into the bytes that go to the log and from there to subscribers, and what
 * would take it back into bytes beside them. Objects that live until the disk has answered are what the garbage
 * collector pays for: of a call, a batch keeps none.
 */

import { assert } from '../assert.ts';
import { ByteReader, ByteWriter } from '../codec/bytes.ts';
import type { CallId, Rejection, Seq } from '../commit/call.ts';
import type { LogBatch } from '../commit/log.ts';
import type { Row, RowChange } from '../commit/row-change.ts';
import { decodeChange, encodeChange } from '../engine/change-codec.ts';
import type { Engine } from '../engine/engine.ts';
import type { RowShape } from '../engine/row-shape.ts';
import { limits } from '../limits.ts';
import type { Identity } from '../value/identity.ts';
import { BatchCalls } from './batch-calls.ts';
import type { ClientRecord } from './clients.ts';
import type { EphemeralChanges } from './ephemeral.ts';
import {
  beginBatch,
  beginCommit,
  recordKind,
  writeConnected,
  writeDisconnected,
  writeRejected,
  writeUnchanged,
} from './record.ts';
import { BatchCursor, walkBatch } from './record-reader.ts';

/** One commit of a batch, as subscriptions look at it. */
export interface BatchCommit {
  readonly seq: Seq;
  readonly timestampMicros: number;
  readonly changes: readonly RowChange[];
  /** Where each change's bytes begin in the batch, and where the last one ends. */
  readonly offsets: readonly number[];
}

/** What everyone may see now. */
export class DurableBatch {
  readonly number: number;
  readonly firstSeq: Seq;
  /** Seq of its last commit, or of the last one before it. */
  readonly lastSeq: Seq;
  readonly calls: BatchCalls;
  /** Changes that are in no commit, in order. */
  readonly ephemeral: readonly EphemeralChanges[];
  /** As in the log; written over by a later batch once this one has been announced. */
  readonly bytes: Uint8Array;
  #undo: Uint8Array | undefined;
  readonly #shapeOf: (tableId: number) => RowShape;
  #commits: readonly BatchCommit[] | undefined;

  constructor(
    log: LogBatch,
    { calls, ephemeral }: Pick<OpenBatch, 'calls' | 'ephemeral'>,
    undo: Uint8Array,
    shapeOf: (tableId: number) => RowShape,
  ) {
    this.number = log.number;
    this.firstSeq = log.firstSeq;
    this.lastSeq = (log.firstSeq + log.commitCount - 1) as Seq;
    this.bytes = log.bytes;
    this.calls = calls;
    this.ephemeral = ephemeral;
    this.#undo = undo;
    this.#shapeOf = shapeOf;
  }

  get commitCount(): number {
    return this.lastSeq - this.firstSeq + 1;
  }

  /** Made when first asked for, which is while listeners hear of the batch or never. */
  get commits(): readonly BatchCommit[] {
    if (this.#commits !== undefined) return this.#commits;
    assert(this.#undo !== undefined, 'the commits of a batch are asked for while it is announced');
    this.#commits = readCommits(
      { number: this.number, firstSeq: this.firstSeq, commitCount: this.commitCount, bytes: this.bytes },
      this.#shapeOf,
      new ByteReader(this.#undo),
    );
    return this.#commits;
  }

  /** What its rows were before, for `readCommits`; to be asked for, and good, while the batch is announced. */
  get before(): Uint8Array {
    assert(this.#undo !== undefined, 'what rows were before is asked for while the batch is announced');
    return this.#undo;
  }

  /** All listeners have heard of it: what its rows were before is written over by a later batch. */
  announced(): void {
    this.#undo = undefined;
  }
}

/** The commits of a batch. What its rows were before comes from `undo`; without it, they are not known. */
export function readCommits(batch: LogBatch, shapeOf: (tableId: number) => RowShape, undo?: ByteReader): BatchCommit[] {
  const commits: BatchCommit[] = [];
  walkBatch(batch, new BatchCursor(shapeOf), (cursor) => {
    if (cursor.kind !== recordKind.commit) {
      cursor.record();
      return;
    }
    const { seq, timestampMicros } = cursor;
    const changes: RowChange[] = [];
    const offsets: number[] = [];
    while (cursor.nextChange()) {
      offsets.push(cursor.start);
      const { tableId, key, after } = cursor.change();
      changes.push({ tableId, key, before: undo === undefined ? undefined : readBefore(undo, shapeOf), after });
    }
    offsets.push(cursor.end);
    commits.push({ seq, timestampMicros, changes, offsets });
  });
  return commits;
}

/** What there was is written as the change that would bring it back. */
function writeBefore(writer: ByteWriter, { tableId, key, before }: RowChange, shape: RowShape): void {
  encodeChange(writer, { tableId, key, before: undefined, after: before }, shape);
}

function readBefore(reader: ByteReader, shapeOf: (tableId: number) => RowShape): Row | undefined {
  return decodeChange(reader, shapeOf).after;
}

export class OpenBatch {
  readonly writer: ByteWriter;
  readonly calls: BatchCalls = new BatchCalls();
  /** Lost with the batch, as all ephemeral rows are then. */
  readonly ephemeral: EphemeralChanges[] = [];
  commitCount = 0;
  /** Connections that began, or with no identity ended. Lost with the batch: a connection does not outlive a failure. */
  readonly connections: { readonly connectionId: bigint; readonly identity: Identity | undefined }[] = [];
  readonly firstSeq: Seq;
  /** What the rows of its changes were before, in their order. */
  readonly #undo: ByteWriter;
  readonly #steps: (() => void)[] = [];
  readonly #notes: ((writer: ByteWriter) => void)[] = [];
  readonly #baseMicros: number;
  readonly #emptyLength: number;

  constructor(firstSeq: Seq, baseMicros: number, { log, undo }: BatchWriters) {
    this.firstSeq = firstSeq;
    this.#baseMicros = baseMicros;
    this.writer = log;
    this.#undo = undo;
    undo.reset();
    log.reset();
    beginBatch(log, baseMicros);
    this.#emptyLength = log.offset;
  }

  get isEmpty(): boolean {
    return !this.hasRecords && this.calls.length === 0 && this.ephemeral.length === 0;
  }

  /** Without, there is nothing to be made durable. */
  get hasRecords(): boolean {
    return this.writer.offset !== this.#emptyLength;
  }

  /** Undefined when it is more than a call may change: then nothing was written. */
  commit(
    engine: Engine,
    client: ClientRecord,
    callId: CallId,
    timestampMicros: number,
    changes: readonly RowChange[],
  ): Seq | undefined {
    const seq = (this.firstSeq + this.commitCount) as Seq;
    const { writer } = this;
    const start = writer.offset;
    const undoStart = this.#undo.offset;
    beginCommit(writer, client.clientNo, callId, timestampMicros - this.#baseMicros, changes.length);
    for (let i = 0; i < changes.length; i++) {
      const change = changes[i] as RowChange;
      const shape = engine.shape(change.tableId);
      encodeChange(writer, change, shape);
      writeBefore(this.#undo, change, shape);
      if (writer.offset - start <= limits.callBytesMax) continue;
      writer.offset = start;
      this.#undo.offset = undoStart;
      return undefined;
    }
    this.commitCount++;
    this.calls.settle(client, callId, seq);
    return seq;
  }

  unchanged(client: ClientRecord, callId: CallId): void {
    writeUnchanged(this.writer, client.clientNo, callId);
    this.calls.settle(client, callId, 0);
  }

  reject(client: ClientRecord, callId: CallId, rejection: Rejection): void {
    writeRejected(this.writer, client.clientNo, callId, rejection);
    this.calls.settle(client, callId, rejection);
  }

  connected(connectionId: bigint, identity: Identity): void {
    this.connections.push({ connectionId, identity });
    writeConnected(this.writer, connectionId, identity.__identity__);
  }

  disconnected(connectionId: bigint): void {
    this.connections.push({ connectionId, identity: undefined });
    writeDisconnected(this.writer, connectionId);
  }

  /** Writes a record that belongs to no call, and that must be written again if this batch is lost. */
  note(write: (writer: ByteWriter) => void): void {
    this.#notes.push(write);
    write(this.writer);
  }

  /** Takes over the notes of a batch that was lost. */
  adopt(lost: OpenBatch): void {
    for (const write of lost.#notes) this.note(write);
  }

  /** Something of its calls beside rows and outcomes that is to be taken back if this batch is lost. */
  undoWith(step: () => void): void {
    this.#steps.push(step);
  }

  /** The batch as the log takes it. Its bytes stay as they are until it has been announced or lost. */
  seal(number: number, engine: Engine): { readonly log: LogBatch; readonly durable: DurableBatch } {
    const { firstSeq, commitCount } = this;
    const log = { number, firstSeq, commitCount, bytes: this.writer.view() };
    return { log, durable: new DurableBatch(log, this, this.#undo.view(), (tableId) => engine.shape(tableId)) };
  }

  /** Takes all of it back, the last call first. */
  undo(engine: Engine): void {
    engine.rollBack(this.#changes(engine));
    this.calls.unsettle();
    for (const step of this.#steps.toReversed()) step();
  }

  /** All changes of its commits, with no more of them than it takes to take them back. */
  #changes(engine: Engine): RowChange[] {
    const shapeOf = (tableId: number): RowShape => engine.shape(tableId);
    const reader = new ByteReader(this.#undo.view());
    const changes: RowChange[] = [];
    while (reader.remaining > 0) {
      const { tableId, key, after: before } = decodeChange(reader, shapeOf);
      changes.push({ tableId, key, before, after: undefined });
    }
    return changes;
  }
}

/** Into which a batch is written; used again by a later one, when this one has been announced or lost. */
export interface BatchWriters {
  readonly log: ByteWriter;
  readonly undo: ByteWriter;
}

export function newBatchWriters(): BatchWriters {
  return { log: new ByteWriter(), undo: new ByteWriter() };
}
