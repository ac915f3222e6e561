/**
 * The floor of a cold start: the same bytes over the same socket, unread, and then all rows into SQLite by the quickest
 * statement there is, with the table's indexes. What lies between the two, reading the rows, is not counted.
 */

import { ByteReader, ByteWriter } from '../../core/codec/bytes.ts';
import { type CallId, clientIdFromBytes } from '../../core/commit/call.ts';
import type { Row } from '../../core/commit/row-change.ts';
import { Database } from '../../core/engine/database.ts';
import { createIndexes, createTable, upsert } from '../../core/engine/ddl.ts';
import { rowShape } from '../../core/engine/row-shape.ts';
import type { SqlValue } from '../../core/engine/sql-value.ts';
import { defineModule } from '../../core/module/module.ts';
import { decodeServerMessage, encodeClientMessage, serverTag } from '../../core/protocol/frame.ts';
import { protocolVersion, subprotocol } from '../../core/protocol/version.ts';
import * as flights from '../../demo/flights/module.ts';

export interface Floor {
  readonly fetchMs: number;
  readonly insertMs: number;
  readonly bytes: number;
  readonly rows: number;
}

const definition = defineModule(flights);
const shapes = definition.tables.map(rowShape);
const rowsPerStatement = 32;

addEventListener('message', async ({ data: url }: MessageEvent<string>) => {
  const startMs = performance.now();
  const frames = await fetched(url);
  const fetchMs = performance.now() - startMs;
  const rows = frames.flatMap(rowsOf);
  const insertMs = await inserted(rows);
  const bytes = frames.reduce((sum, { length }) => sum + length, 0);
  postMessage({ fetchMs, insertMs, bytes, rows: rows.length } satisfies Floor);
});

function fetched(url: string): Promise<Uint8Array[]> {
  return new Promise((resolve, reject) => {
    const socket = new WebSocket(url, subprotocol);
    socket.binaryType = 'arraybuffer';
    const frames: Uint8Array[] = [];
    socket.addEventListener('open', () => socket.send(hello()));
    socket.addEventListener('message', ({ data }) => {
      const frame = new Uint8Array(data as ArrayBuffer);
      frames.push(frame);
      // The last message of a snapshot is short, and in a frame of its own or the last of one.
      if (frame.length < 1_000 && messagesOf(frame).some(({ type }) => type === 'applied')) {
        socket.close();
        resolve(frames);
      }
    });
    socket.addEventListener('error', () => reject(new Error('the socket failed')));
  });
}

function hello(): Uint8Array<ArrayBuffer> {
  const writer = new ByteWriter();
  encodeClientMessage(writer, {
    type: 'hello',
    version: protocolVersion,
    moduleHash: definition.hash,
    clientId: clientIdFromBytes(crypto.getRandomValues(new Uint8Array(16))),
    token: '',
    position: undefined,
    settledCallId: 0 as CallId,
    subscriptions: [{ subscriptionId: 1, queries: ['SELECT * FROM flight'] }],
  });
  return writer.take();
}

function messagesOf(frame: Uint8Array): ReturnType<typeof decodeServerMessage>[] {
  const reader = new ByteReader(frame);
  const messages = [];
  while (reader.remaining > 0)
    messages.push(decodeServerMessage(reader, (tableId) => shapes[tableId] as (typeof shapes)[0]));
  return messages;
}

function rowsOf(frame: Uint8Array): readonly Row[] {
  if (frame[0] !== serverTag.snapshot) return [];
  return messagesOf(frame).flatMap((message) => (message.type === 'snapshot' ? message.rows : []));
}

async function inserted(rows: readonly Row[]): Promise<number> {
  const [shape] = shapes;
  if (shape === undefined) throw new Error('there is no table');
  const values = rows.map((row) => {
    const list: SqlValue[] = [];
    shape.sql.toSql(row, shape.keyOf(row), list);
    return list;
  });
  const startMs = performance.now();
  const database = await Database.open();
  database.run(createTable(shape.table));
  for (const index of createIndexes(shape.table)) database.run(index);
  const statement = database.prepare(upsert(shape.table, rowsPerStatement));
  for (let at = 0; at + rowsPerStatement <= values.length; at += rowsPerStatement)
    statement.run(values.slice(at, at + rowsPerStatement).flat());
  for (const row of values.slice(values.length - (values.length % rowsPerStatement)))
    database.prepare(upsert(shape.table, 1)).run(row);
  return performance.now() - startMs;
}
