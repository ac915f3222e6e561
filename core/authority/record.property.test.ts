import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { arbitraryBytes } from '../codec/arbitrary.testing.ts';
import { ByteWriter } from '../codec/bytes.ts';
import { rendered } from '../codec/rendered.testing.ts';
import type { CallId, Rejection, Seq } from '../commit/call.ts';
import type { RowChange } from '../commit/row-change.ts';
import { encodeChange } from '../engine/change-codec.ts';
import { type RowShape, rowShape } from '../engine/row-shape.ts';
import { workloadTables } from '../engine/workload.testing.ts';
import { ForerunError } from '../errors.ts';
import { defineModule } from '../module/module.ts';
import { schema } from '../module/schema.ts';
import {
  beginBatch,
  beginCommit,
  type LogRecord,
  unzigzag,
  writeAcknowledged,
  writeClient,
  writeConnected,
  writeDisconnected,
  writeLease,
  writeRejected,
  writeUnchanged,
  zigzag,
} from './record.ts';
import { readBatch } from './record-reader.ts';

const shapes = defineModule({ default: schema(workloadTables) }).tables.map(rowShape);
const shapeOf = (tableId: number): RowShape => {
  const shape = shapes[tableId];
  if (shape === undefined) throw new ForerunError('frame-invalid', `there is no table ${tableId}`);
  return shape;
};

/** Plain objects, since those that are read are. */
const object = <T>(model: { readonly [K in keyof T]: fc.Arbitrary<T[K]> }): fc.Arbitrary<T> =>
  fc.record<T>(model, { noNullPrototype: true });
const number = fc.oneof(fc.nat(300), fc.maxSafeNat());
const big = (bits: number) => fc.bigInt({ min: 0n, max: (1n << BigInt(bits)) - 1n });
const text = fc.string({ unit: 'binary', maxLength: 20 });
const change: fc.Arbitrary<RowChange> = fc.oneof(
  object({ id: fc.nat(9), group: fc.nat(255), score: fc.integer() }).map((row) => changeTo(0, row)),
  object({ name: text, email: text }).map((row) => changeTo(1, { ...row, age: undefined })),
  object({ item: fc.nat(9), text }).map((row) => changeTo(2, row)),
  object({ item: fc.nat(9), text }).map((row) => ({ ...changeTo(2, row), after: undefined })),
  fc.nat().map((key) => ({ tableId: 0, key, before: undefined, after: undefined })),
);

function changeTo(tableId: number, after: Record<string, unknown>): RowChange {
  return { tableId, key: shapeOf(tableId).keyOf(after), before: undefined, after };
}

const clientNo = number;
const callId = number.map((each) => each as CallId);
const record: fc.Arbitrary<LogRecord> = fc.oneof(
  object({
    type: fc.constant('commit' as const),
    seq: fc.constant(0 as Seq),
    clientNo,
    callId,
    timestampMicros: fc.integer({ min: 0, max: 2 ** 51 }),
    changes: fc.array(change, { maxLength: 4 }),
  }),
  object({ type: fc.constant('unchanged' as const), clientNo, callId }),
  object({
    type: fc.constant('rejected' as const),
    clientNo,
    callId,
    rejection: object({ code: fc.constantFrom<Rejection['code']>('call-rejected', 'row-missing'), message: text }),
  }),
  object({
    type: fc.constant('client' as const),
    clientNo,
    clientId: fc.uint8Array({ minLength: 16, maxLength: 16 }),
    identity: big(256),
  }),
  object({
    type: fc.constant('lease' as const),
    tableId: number,
    column: number,
    clientNo,
    from: big(64),
    to: big(64),
  }),
  object({ type: fc.constant('connected' as const), connectionId: big(128), identity: big(256) }),
  object({ type: fc.constant('disconnected' as const), connectionId: big(128) }),
  object({ type: fc.constant('acknowledged' as const), clientNo, callId }),
);

function write(writer: ByteWriter, each: LogRecord, baseMicros: number): void {
  switch (each.type) {
    case 'commit':
      beginCommit(writer, each.clientNo, each.callId, each.timestampMicros - baseMicros, each.changes.length);
      for (const one of each.changes) encodeChange(writer, one, shapeOf(one.tableId));
      return;
    case 'unchanged':
      return writeUnchanged(writer, each.clientNo, each.callId);
    case 'rejected':
      return writeRejected(writer, each.clientNo, each.callId, each.rejection);
    case 'client':
      return writeClient(writer, each.clientNo, each.clientId, each.identity);
    case 'lease':
      return writeLease(writer, each.tableId, each.column, each.clientNo, each.from, each.to);
    case 'connected':
      return writeConnected(writer, each.connectionId, each.identity);
    case 'disconnected':
      return writeDisconnected(writer, each.connectionId);
    case 'acknowledged':
      return writeAcknowledged(writer, each.clientNo, each.callId);
  }
}

describe('a log batch', () => {
  it('[COM-5] is read as the records that were written, its commits numbered from its first', () => {
    fc.assert(
      fc.property(
        fc.array(record, { maxLength: 6 }),
        fc.integer({ min: 0, max: 2 ** 51 }),
        fc.nat(),
        (list, base, first) => {
          const writer = new ByteWriter();
          beginBatch(writer, base);
          for (const each of list) write(writer, each, base);
          const commitCount = list.filter(({ type }) => type === 'commit').length;
          const batch = { number: 1, firstSeq: first as Seq, commitCount, bytes: writer.take() };
          let seq = first;
          const expected = list.map((each) => (each.type === 'commit' ? { ...each, seq: seq++ as Seq } : each));
          expect(rendered([...readBatch(batch, shapeOf)])).toBe(rendered(expected));
          if (batch.bytes.length > 9) {
            const cut = { ...batch, bytes: batch.bytes.subarray(0, batch.bytes.length - 1) };
            expect(() => [...readBatch(cut, shapeOf)]).toThrow(expect.objectContaining({ code: 'database-corrupt' }));
          }
        },
      ),
    );
  });

  it('[COM-5] of any bytes is read or refused as a damaged database', () => {
    fc.assert(
      fc.property(arbitraryBytes(), fc.boolean(), (given, isBegun) => {
        const bytes = isBegun ? Uint8Array.of(1, 0, 0, 0, 0, 0, 0, 0, 0, ...given) : given;
        try {
          expect([...readBatch({ number: 1, firstSeq: 1 as Seq, commitCount: 0, bytes }, shapeOf)]).toBeDefined();
        } catch (error) {
          expect(error).toMatchObject({ code: 'database-corrupt' });
        }
      }),
      { numRuns: 500 },
    );
  });
});

describe('a zigzag number', () => {
  it('is even for what is not negative, odd for what is, and leads back', () => {
    expect([0, 1, -1, 2, -2].map(zigzag)).toEqual([0, 2, 1, 4, 3]);
    fc.assert(
      fc.property(fc.integer({ min: -(2 ** 51), max: 2 ** 51 }), (value) => {
        expect(unzigzag(zigzag(value))).toBe(value);
        expect(zigzag(value)).toBeGreaterThanOrEqual(0);
      }),
    );
  });
});
