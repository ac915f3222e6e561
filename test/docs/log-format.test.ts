/** The example of docs/log-format.md, read and written by the code of the log. */

import { expect, test } from 'vitest';
import {
  beginBatch,
  beginCommit,
  type LogRecord,
  recordFormat,
  recordKind,
  writeAcknowledged,
  writeClient,
  writeConnected,
  writeDisconnected,
  writeLease,
  writeRejected,
  writeUnchanged,
} from '../../core/authority/record.ts';
import { readBatch } from '../../core/authority/record-reader.ts';
import { ByteWriter } from '../../core/codec/bytes.ts';
import { type CallId, type ClientId, idBytes, type Seq } from '../../core/commit/call.ts';
import type { RowChange } from '../../core/commit/row-change.ts';
import { encodeChange } from '../../core/engine/change-codec.ts';
import { hexBlocks, readPage, shapeOf } from './example.testing.ts';

const page = readPage('log-format.md');
const [{ bytes } = { bytes: new Uint8Array() }] = hexBlocks(page);
const baseMicros = 1_800_000_000_000_000;
const clientId = idBytes('00112233445566778899aabbccddeeff' as ClientId);
const callId = (number: number) => number as CallId;
const seq = (number: number) => number as Seq;
const joined: RowChange = { tableId: 0, key: 257n, before: undefined, after: { id: 257n, name: 'Bo', score: 0 } };
const left: RowChange = { tableId: 0, key: 257n, before: undefined, after: undefined };
const rejection = { code: 'call-rejected', message: 'No.' } as const;

const records: readonly LogRecord[] = [
  { type: 'client', clientNo: 1, clientId, identity: 0xa1n },
  { type: 'connected', connectionId: 0xc2n, identity: 0xa1n },
  { type: 'lease', tableId: 0, column: 0, clientNo: 1, from: 257n, to: 513n },
  {
    type: 'commit',
    seq: seq(8),
    clientNo: 1,
    callId: callId(1),
    timestampMicros: baseMicros + 500_000,
    changes: [joined],
  },
  { type: 'rejected', clientNo: 1, callId: callId(2), rejection },
  { type: 'commit', seq: seq(9), clientNo: 1, callId: callId(3), timestampMicros: baseMicros - 1, changes: [left] },
  { type: 'unchanged', clientNo: 1, callId: callId(4) },
  { type: 'disconnected', connectionId: 0xc2n },
  { type: 'acknowledged', clientNo: 1, callId: callId(3) },
];

test('[COM-5] the batch of the example holds the records that the page says', () => {
  expect([...readBatch({ number: 3, firstSeq: seq(8), commitCount: 2, bytes }, shapeOf)]).toEqual(records);
});

test('[COM-5] those records are written as the page shows them', () => {
  const writer = new ByteWriter();
  beginBatch(writer, baseMicros);
  writeClient(writer, 1, clientId, 0xa1n);
  writeConnected(writer, 0xc2n, 0xa1n);
  writeLease(writer, 0, 0, 1, 257n, 513n);
  beginCommit(writer, 1, 1, 500_000, 1);
  encodeChange(writer, joined, shapeOf(0));
  writeRejected(writer, 1, 2, rejection);
  beginCommit(writer, 1, 3, -1, 1);
  encodeChange(writer, left, shapeOf(0));
  writeUnchanged(writer, 1, 4);
  writeDisconnected(writer, 0xc2n);
  writeAcknowledged(writer, 1, 3);
  expect(writer.take()).toEqual(bytes);
});

test('[COM-5] bytes that no authority wrote are refused as a damaged database', () => {
  const read =
    (changed: Uint8Array, commitCount = 2) =>
    () => [...readBatch({ number: 3, firstSeq: seq(8), commitCount, bytes: changed }, shapeOf)];
  const damaged = expect.objectContaining({ code: 'database-corrupt' });
  expect(read(Uint8Array.of(recordFormat + 1, ...bytes.slice(1)))).toThrow(damaged);
  expect(read(bytes.slice(0, -1))).toThrow(damaged);
  expect(read(Uint8Array.of(...bytes, 99))).toThrow(damaged);
  expect(read(bytes, 3)).toThrow(damaged);
});

test('the page names every kind of record', () => {
  const rows = [...page.matchAll(/^\| (\d) \| (\w+) \|/gm)].map(([, kind, name]) => [name, Number(kind)]);
  expect(Object.fromEntries(rows)).toEqual(recordKind);
});
