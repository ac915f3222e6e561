/**
 * Reads what `record.ts` writes: as record objects, or, where there are too many for that, through a cursor that steps
 * from record to record and from change to change over the batch's bytes.
 *
 * Law: bytes that no authority wrote are refused with `database-corrupt`, whichever way they are read.
 */

import { assert } from '../assert.ts';
import { ByteReader } from '../codec/bytes.ts';
import type { CallId, Rejection, Seq } from '../commit/call.ts';
import type { LogBatch } from '../commit/log.ts';
import type { RowChange } from '../commit/row-change.ts';
import { changeOp, decodeChange } from '../engine/change-codec.ts';
import type { RowShape } from '../engine/row-shape.ts';
import { ForerunError } from '../errors.ts';
import { type LogRecord, recordFormat, recordKind, unzigzag } from './record.ts';

type ShapeOf = (tableId: number) => RowShape;

/** The records of a batch in order. */
export function* readBatch(batch: LogBatch, shapeOf: ShapeOf): Generator<LogRecord> {
  const cursor = new BatchCursor(shapeOf);
  try {
    cursor.open(batch);
    while (cursor.next()) yield cursor.record();
  } catch (cause) {
    throw unreadable(batch, cause);
  }
}

/** The same for many batches with one cursor: `visit` sees it at each record, and steps over the changes it is not interested in. */
export function walkBatch(batch: LogBatch, cursor: BatchCursor, visit: (cursor: BatchCursor) => void): void {
  try {
    cursor.open(batch);
    while (cursor.next()) {
      visit(cursor);
      while (cursor.nextChange());
    }
  } catch (cause) {
    throw unreadable(batch, cause);
  }
}

function unreadable(batch: LogBatch, cause: unknown): unknown {
  if (!(cause instanceof ForerunError) || cause.code !== 'frame-invalid') return cause;
  return new ForerunError(
    'database-corrupt',
    `Batch ${batch.number} of the log can't be read (${cause.message}). Restore a backup with: forerun restore.`,
    { cause },
  );
}

export class BatchCursor {
  /** Of the record at hand. */
  kind = 0;
  /** These belong to a commit at hand. */
  seq: Seq = 0 as Seq;
  clientNo = 0;
  callId: CallId = 0 as CallId;
  timestampMicros = 0;
  /** These belong to a change at hand. */
  tableId = 0;
  isDelete = false;
  /** Where in the batch the change begins. */
  start = 0;
  /** Where its row begins, or the key of a row that was deleted. */
  body = 0;
  readonly #shapeOf: ShapeOf;
  readonly #reader = new ByteReader(new Uint8Array());
  #batch: LogBatch | undefined;
  #baseMicros = 0;
  #nextSeq = 0;
  #changesLeft = 0;

  constructor(shapeOf: ShapeOf) {
    this.#shapeOf = shapeOf;
  }

  /** Where in the batch that which was read last ends. */
  get end(): number {
    return this.#reader.position;
  }

  get changesLeft(): number {
    return this.#changesLeft;
  }

  open(batch: LogBatch): void {
    const reader = this.#reader;
    reader.reset(batch.bytes);
    const format = reader.u8();
    if (format !== recordFormat) reader.refuse(`log format ${format}; this version reads ${recordFormat}`);
    this.#batch = batch;
    this.#baseMicros = Number(reader.i64());
    this.#nextSeq = batch.firstSeq;
    this.#changesLeft = 0;
  }

  /** To the next record, if there is one. What the last one holds must have been read. */
  next(): boolean {
    assert(this.#batch !== undefined && this.#changesLeft === 0, 'a cursor is open, and at the end of a record');
    const reader = this.#reader;
    if (reader.remaining === 0) return this.#end(this.#batch);
    this.kind = reader.u8();
    if (this.kind === recordKind.commit) {
      this.seq = this.#nextSeq++ as Seq;
      this.clientNo = reader.varint();
      this.callId = reader.varint() as CallId;
      this.timestampMicros = this.#baseMicros + unzigzag(reader.varint());
      this.#changesLeft = reader.varint();
    }
    return true;
  }

  /** To the next change of the commit at hand, if there is one. */
  nextChange(): boolean {
    if (this.#changesLeft === 0) return false;
    this.#changesLeft--;
    const reader = this.#reader;
    this.start = reader.position;
    this.tableId = reader.varint();
    const op = reader.u8();
    if (op > changeOp.update) reader.refuse(`a row change of the unknown kind ${op}`);
    this.isDelete = op === changeOp.delete;
    this.body = reader.position;
    const shape = this.#shapeOf(this.tableId);
    const { codec } = this.isDelete ? (shape.keyColumn ?? shape) : shape;
    if (codec.fixed) reader.take(codec.bytesMin);
    else codec.decode(reader);
    return true;
  }

  /** The change at hand as an object. */
  change(): RowChange {
    this.#reader.offset -= this.#reader.position - this.start;
    return decodeChange(this.#reader, this.#shapeOf);
  }

  /** The record at hand as an object, with all of its changes. */
  record(): LogRecord {
    const reader = this.#reader;
    switch (this.kind) {
      case recordKind.commit: {
        const { seq, clientNo, callId, timestampMicros } = this;
        const changes: RowChange[] = [];
        for (; this.#changesLeft > 0; this.#changesLeft--) changes.push(decodeChange(reader, this.#shapeOf));
        return { type: 'commit', seq, clientNo, callId, timestampMicros, changes };
      }
      case recordKind.unchanged:
        return { type: 'unchanged', clientNo: reader.varint(), callId: reader.varint() as CallId };
      case recordKind.rejected:
        return {
          type: 'rejected',
          clientNo: reader.varint(),
          callId: reader.varint() as CallId,
          rejection: readRejection(reader),
        };
      case recordKind.client:
        return { type: 'client', clientNo: reader.varint(), clientId: reader.raw(16), identity: reader.u256() };
      case recordKind.lease:
        return {
          type: 'lease',
          tableId: reader.varint(),
          column: reader.varint(),
          clientNo: reader.varint(),
          from: reader.u64(),
          to: reader.u64(),
        };
      case recordKind.connected:
        return { type: 'connected', connectionId: reader.u128(), identity: reader.u256() };
      case recordKind.disconnected:
        return { type: 'disconnected', connectionId: reader.u128() };
      case recordKind.acknowledged:
        return { type: 'acknowledged', clientNo: reader.varint(), callId: reader.varint() as CallId };
      default:
        return reader.refuse(`a record of the unknown kind ${this.kind}`);
    }
  }

  #end({ firstSeq, commitCount }: LogBatch): false {
    if (this.#nextSeq !== firstSeq + commitCount)
      this.#reader.refuse(`${this.#nextSeq - firstSeq} commits where ${commitCount} were announced`);
    return false;
  }
}

function readRejection(reader: ByteReader): Rejection {
  // Written by an authority from the same union; a newer one's code is passed on as it is.
  const code = reader.string() as Rejection['code'];
  return { code, message: reader.string() };
}
