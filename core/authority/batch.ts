/**
 * Calls on their way from executed to durable: the batch that is being filled while the one before it is written.
 *
 * A batch is encoded as its calls run, once, into the bytes that go to the log and from there to subscribers.
 */

import type { ByteWriter } from '../codec/bytes.ts';
import type { CallId, Outcome, Rejection, Seq } from '../commit/call.ts';
import type { LogBatch } from '../commit/log.ts';
import type { RowChange } from '../commit/row-change.ts';
import { encodeChange } from '../engine/change-codec.ts';
import type { Engine } from '../engine/engine.ts';
import type { Identity } from '../value/identity.ts';
import { type ClientRecord, outcomeOf, type Settled } from './clients.ts';
import { beginBatch, beginCommit, writeConnected, writeDisconnected, writeRejected, writeUnchanged } from './record.ts';

/** One commit of a batch, as subscriptions look at it. */
export interface BatchCommit {
  readonly seq: Seq;
  readonly timestampMicros: number;
  readonly changes: readonly RowChange[];
  /** Where each change's bytes begin in the batch, and where the last one ends. */
  readonly offsets: readonly number[];
}

/** One call of a batch, whatever came of it. */
export interface BatchCall {
  readonly client: ClientRecord;
  readonly callId: CallId;
  readonly settled: Settled;
  /** The client's last call before this one, in case the batch is lost. */
  readonly previousCallId: number;
}

/** What everyone may see now. */
export interface DurableBatch {
  readonly number: number;
  readonly firstSeq: Seq;
  /** Seq of its last commit, or of the last one before it. */
  readonly lastSeq: Seq;
  readonly commits: readonly BatchCommit[];
  readonly calls: readonly BatchCall[];
  readonly bytes: Uint8Array;
}

export class OpenBatch {
  readonly writer: ByteWriter;
  readonly commits: BatchCommit[] = [];
  readonly calls: BatchCall[] = [];
  /** Connections that began, or with no identity ended. Lost with the batch: a connection does not outlive a failure. */
  readonly connections: { readonly connectionId: bigint; readonly identity: Identity | undefined }[] = [];
  readonly firstSeq: Seq;
  readonly #steps: (() => void)[] = [];
  readonly #notes: ((writer: ByteWriter) => void)[] = [];
  readonly #baseMicros: number;
  readonly #emptyLength: number;

  constructor(firstSeq: Seq, baseMicros: number, writer: ByteWriter) {
    this.firstSeq = firstSeq;
    this.#baseMicros = baseMicros;
    this.writer = writer;
    writer.reset();
    beginBatch(writer, baseMicros);
    this.#emptyLength = writer.offset;
  }

  get isEmpty(): boolean {
    return this.writer.offset === this.#emptyLength && this.calls.length === 0;
  }

  commit(
    engine: Engine,
    client: ClientRecord,
    callId: CallId,
    timestampMicros: number,
    changes: readonly RowChange[],
  ): Seq {
    const seq = (this.firstSeq + this.commits.length) as Seq;
    const { writer } = this;
    beginCommit(writer, client.clientNo, callId, timestampMicros - this.#baseMicros, changes.length);
    const offsets = new Array<number>(changes.length + 1);
    for (let i = 0; i < changes.length; i++) {
      const change = changes[i] as RowChange;
      offsets[i] = writer.offset;
      encodeChange(writer, change, engine.shape(change.tableId));
    }
    offsets[changes.length] = writer.offset;
    this.commits.push({ seq, timestampMicros, changes, offsets });
    return seq;
  }

  unchanged(client: ClientRecord, callId: CallId): void {
    writeUnchanged(this.writer, client.clientNo, callId);
  }

  reject(client: ClientRecord, callId: CallId, rejection: Rejection): void {
    writeRejected(this.writer, client.clientNo, callId, rejection);
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

  settle(call: BatchCall): void {
    this.calls.push(call);
  }

  /** The batch as the log takes it; its bytes are its own from here on. */
  seal(number: number): { readonly log: LogBatch; readonly durable: DurableBatch } {
    const bytes = this.writer.take();
    const { firstSeq, commits, calls } = this;
    return {
      log: { number, firstSeq, commitCount: commits.length, bytes },
      durable: { number, firstSeq, lastSeq: (firstSeq + commits.length - 1) as Seq, commits, calls, bytes },
    };
  }

  /** Takes all of it back, the last call first. */
  undo(engine: Engine): void {
    for (const commit of this.commits.toReversed()) engine.rollBack(commit.changes);
    for (const { client, callId, previousCallId } of this.calls.toReversed()) client.unsettle(callId, previousCallId);
    for (const step of this.#steps.toReversed()) step();
  }
}

export function settledOutcome(call: BatchCall): Outcome {
  return outcomeOf(call.callId, call.settled);
}
