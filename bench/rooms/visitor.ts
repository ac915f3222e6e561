/** A client of the rooms benchmark on the bare wire: it counts what it is sent, and knows when its snapshot is complete. */

import { randomBytes } from 'node:crypto';
import { defineModule } from 'forerun';
import { WebSocket } from 'ws';
import { compileCodec } from '../../core/codec/bsatn.ts';
import { ByteWriter } from '../../core/codec/byte-writer.ts';
import { type CallId, clientIdFromBytes } from '../../core/commit/call.ts';
import { encodeClientMessage, serverTag } from '../../core/protocol/frame.ts';
import type { ClientMessage } from '../../core/protocol/messages.ts';
import { protocolVersion, subprotocol } from '../../core/protocol/version.ts';
import * as rooms from './module.ts';

const definition = defineModule(rooms);
const codecs = new Map(definition.reducers.map((reducer) => [reducer.accessor, reducer]));

export class RoomVisitor {
  frames = 0;
  bytes = 0;
  onFrame: (frame: Uint8Array) => void = () => {};
  readonly #socket: WebSocket;
  #callId = 0;

  private constructor(socket: WebSocket) {
    this.#socket = socket;
  }

  /** Resolves when the rows of these queries are here. */
  static async open(url: string, queries: readonly string[]): Promise<RoomVisitor> {
    const address = `${url.replace(/^http/, 'ws')}/v1/database/main/subscribe`;
    const socket = new WebSocket(address, subprotocol, { perMessageDeflate: false });
    const visitor = new RoomVisitor(socket);
    const applied = new Promise<void>((resolve, reject) => {
      socket.on('error', reject);
      socket.on('message', (data: Buffer) => {
        visitor.frames++;
        visitor.bytes += data.length;
        if (data[0] === serverTag.applied) resolve();
        visitor.onFrame(data);
      });
    });
    await new Promise((resolve, reject) => socket.once('open', resolve).once('error', reject));
    visitor.#say({
      type: 'hello',
      version: protocolVersion,
      moduleHash: definition.hash,
      clientId: clientIdFromBytes(randomBytes(16)),
      token: '',
      position: undefined,
      settledCallId: 0 as CallId,
      subscriptions: [{ subscriptionId: 1, queries }],
    });
    await applied;
    return visitor;
  }

  call(accessor: string, args: object): void {
    const reducer = codecs.get(accessor);
    if (reducer === undefined) throw new RangeError(`there is no reducer ${accessor}`);
    const writer = new ByteWriter();
    compileCodec(reducer.params).encode(writer, args as never);
    this.#say({
      type: 'call',
      callId: ++this.#callId as CallId,
      reducerId: reducer.reducerId,
      timestampMicros: Date.now() * 1000,
      idHints: [],
      args: writer.take(),
    });
  }

  close(): void {
    this.#socket.close();
  }

  #say(message: ClientMessage): void {
    const writer = new ByteWriter();
    encodeClientMessage(writer, message);
    this.#socket.send(writer.take());
  }
}
