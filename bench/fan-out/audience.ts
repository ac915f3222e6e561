/**
 * Subscribers over the real wire, and a writer. A subscriber reads no more of a message than tells which one it is: what
 * is measured is the way there, and a thousand of them share one core.
 */

import { randomBytes } from 'node:crypto';
import { WebSocket } from 'ws';
import { defineModule } from 'forerun';
import { ByteReader } from '../../core/codec/byte-reader.ts';
import { ByteWriter } from '../../core/codec/byte-writer.ts';
import { compileCodec } from '../../core/codec/bsatn.ts';
import { type CallId, clientIdFromBytes } from '../../core/commit/call.ts';
import { rowShape } from '../../core/engine/row-shape.ts';
import { decodeServerMessage, encodeClientMessage, serverTag } from '../../core/protocol/frame.ts';
import { protocolVersion, subprotocol } from '../../core/protocol/version.ts';
import * as board from './module.ts';

const definition = defineModule(board);
const shapes = definition.tables.map(rowShape);
const shapeOf = (tableId: number) => shapes[tableId] as (typeof shapes)[number];
const reducer = definition.reducers.find(({ accessor }) => accessor === 'move');
const reducerId = reducer?.reducerId ?? 0;
const argsCodec = compileCodec(reducer?.params ?? { type: 'product', fields: [] });

/** Whoever makes something happen, and whoever sees it: `seen` is called with a number that grows with each commit. */
export interface Audience {
  readonly write: () => void;
  readonly close: () => void;
}

/** Resolves when every subscriber has its snapshot. */
export async function subscribe(url: string, subscribers: number, seen: (seq: number) => void): Promise<Audience> {
  const sockets: WebSocket[] = [];
  for (let i = 0; i < subscribers; i++) sockets.push(await connect(url, ['SELECT * FROM cell'], seen));
  const writer = await connect(url, [], () => {});
  let callId = 0;
  return {
    write: () => {
      const bytes = new ByteWriter();
      // A row that stays as it is would be no commit.
      argsCodec.encode(bytes, { id: callId % 100, x: callId + 1, y: -callId });
      const args = bytes.take();
      bytes.reset();
      encodeClientMessage(bytes, {
        type: 'call',
        callId: ++callId as CallId,
        reducerId,
        timestampMicros: Date.now() * 1000,
        idHints: [],
        args,
      });
      writer.send(bytes.take());
    },
    close: () => {
      for (const socket of [...sockets, writer]) socket.terminate();
    },
  };
}

function connect(url: string, queries: readonly string[], seen: (seq: number) => void): Promise<WebSocket> {
  const socket = new WebSocket(new URL('/v1/database/main/subscribe', url.replace(/^http/, 'ws')), subprotocol, {
    perMessageDeflate: false,
  });
  const reader = new ByteReader(new Uint8Array());
  let lastSeq = 0;
  return new Promise((resolve, reject) => {
    socket.once('error', reject);
    socket.once('open', () => {
      const hello = new ByteWriter();
      encodeClientMessage(hello, {
        type: 'hello',
        version: protocolVersion,
        moduleHash: definition.hash,
        clientId: clientIdFromBytes(randomBytes(16)),
        token: '',
        position: undefined,
        settledCallId: 0 as CallId,
        subscriptions: queries.length === 0 ? [] : [{ subscriptionId: 1, queries }],
      });
      socket.send(hello.take());
    });
    socket.on('message', (frame: Buffer) => {
      reader.reset(frame);
      if (reader.peek() === serverTag.batch) {
        reader.u8();
        // Commits of one batch come in one message.
        for (const seq = reader.varint(); lastSeq < seq; ) seen(++lastSeq);
        return;
      }
      while (reader.remaining > 0) {
        const message = decodeServerMessage(reader, shapeOf);
        if (message.type === (queries.length === 0 ? 'welcome' : 'applied')) {
          lastSeq = message.seq;
          resolve(socket);
        }
        if (message.type === 'error') reject(new Error('the server refused the connection'));
      }
    });
  });
}

/** The same over a bare `ws` server, whose messages are a number and as many bytes as ours have. */
export async function listen(
  url: string,
  subscribers: number,
  bytes: number,
  seen: (seq: number) => void,
): Promise<Audience> {
  const open = async (): Promise<WebSocket> => {
    const socket = new WebSocket(url.replace(/^http/, 'ws'), { perMessageDeflate: false });
    await new Promise((resolve, reject) => {
      socket.once('open', resolve);
      socket.once('error', reject);
    });
    return socket;
  };
  const sockets: WebSocket[] = [];
  for (let i = 0; i < subscribers; i++) {
    const socket = await open();
    socket.on('message', (frame: Buffer) => seen(frame.readUInt32LE(0)));
    sockets.push(socket);
  }
  const [first] = sockets;
  let seq = 0;
  return {
    write: () => {
      const message = Buffer.alloc(Math.max(4, bytes), 1);
      message.writeUInt32LE(++seq, 0);
      first?.send(message);
    },
    close: () => {
      for (const socket of sockets) socket.terminate();
    },
  };
}
