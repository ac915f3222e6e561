/**
 * The client process of the transfer benchmark: connections with a fixed number of calls in flight each, over the real
 * wire. A call counts when its durable outcome has arrived.
 */

import { randomBytes } from 'node:crypto';
import { WebSocket } from 'ws';
import { ByteReader } from '../../core/codec/byte-reader.ts';
import { ByteWriter } from '../../core/codec/byte-writer.ts';
import { type CallId, clientIdFromBytes } from '../../core/commit/call.ts';
import { clientTag, decodeServerMessage, encodeClientMessage, serverTag } from '../../core/protocol/frame.ts';
import { protocolVersion, subprotocol } from '../../core/protocol/version.ts';
import { Histogram } from './histogram.ts';
import type { Pairs } from './pairs.ts';

export interface LoadOptions {
  /** Of the server, `http://…`. */
  readonly url: string;
  readonly connections: number;
  /** At most, where there is a rate. */
  readonly inFlight: number;
  /** Calls a second in all; without, each connection makes a call for each that is answered. */
  readonly rate?: number | undefined;
  readonly moduleHash: string;
  readonly reducerId: number;
  readonly pairs: Pairs;
}

/** Calls in one frame, where there is a rate. */
const pacedFrameCalls = 20;

export class Load {
  readonly latencies = new Histogram();
  committed = 0;
  rejected = 0;
  bytesSent = 0;
  bytesReceived = 0;
  readonly #options: LoadOptions;
  readonly #sockets: LoadConnection[] = [];
  #next = 0;
  #stopping = false;
  #pacer: NodeJS.Timeout | undefined;

  private constructor(options: LoadOptions) {
    this.#options = options;
  }

  static async open(options: LoadOptions): Promise<Load> {
    const load = new Load(options);
    for (let i = 0; i < options.connections; i++) load.#sockets.push(await LoadConnection.open(load, options));
    return load;
  }

  start(): void {
    const { rate, inFlight } = this.#options;
    if (rate === undefined) for (const socket of this.#sockets) socket.call(inFlight);
    else this.#pace(rate, inFlight);
  }

  get isStopping(): boolean {
    return this.#stopping;
  }

  get callsAgain(): boolean {
    return !this.#stopping && this.#options.rate === undefined;
  }

  /** Calls that are due and find no connection with room are left out: the rate is then not reached, which shows. */
  #pace(rate: number, inFlightMax: number): void {
    let lastMs = performance.now();
    let turn = 0;
    let owed = 0;
    this.#pacer = setInterval(() => {
      const nowMs = performance.now();
      owed = Math.min(owed + ((nowMs - lastMs) / 1000) * rate, rate / 10);
      lastMs = nowMs;
      for (let tries = this.#sockets.length; owed >= 1 && tries > 0; tries--) {
        const socket = this.#sockets[turn++ % this.#sockets.length] as LoadConnection;
        const count = Math.min(pacedFrameCalls, Math.floor(owed), inFlightMax - socket.inFlight);
        if (count <= 0) continue;
        owed -= count;
        socket.call(count);
      }
    }, 1);
  }

  /** Resolves when no call is in flight any more. */
  async stop(): Promise<void> {
    this.#stopping = true;
    clearInterval(this.#pacer);
    while (this.#sockets.some((socket) => socket.inFlight > 0)) await new Promise((resolve) => setTimeout(resolve, 1));
    for (const socket of this.#sockets) socket.close();
  }

  reset(): void {
    this.latencies.clear();
    this.committed = 0;
    this.rejected = 0;
    this.bytesSent = 0;
    this.bytesReceived = 0;
  }

  nextPair(): number {
    const pair = this.#next++;
    if (this.#next === this.#options.pairs.from.length) this.#next = 0;
    return pair;
  }
}

class LoadConnection {
  inFlight = 0;
  readonly #load: Load;
  readonly #options: LoadOptions;
  readonly #socket: WebSocket;
  readonly #writer = new ByteWriter();
  readonly #reader = new ByteReader(new Uint8Array());
  /** When each call in flight was sent, by callId modulo the size. */
  readonly #sentMs: Float64Array;
  #lastCallId = 0;
  #acknowledged = 0;

  private constructor(load: Load, options: LoadOptions, socket: WebSocket) {
    this.#load = load;
    this.#options = options;
    this.#socket = socket;
    this.#sentMs = new Float64Array(2 * options.inFlight + 1);
  }

  static async open(load: Load, options: LoadOptions): Promise<LoadConnection> {
    const url = new URL('/v1/database/main/subscribe', options.url.replace(/^http/, 'ws'));
    const socket = new WebSocket(url, subprotocol, { perMessageDeflate: false });
    const connection = new LoadConnection(load, options, socket);
    await new Promise<void>((resolve, reject) => {
      socket.once('error', reject);
      socket.once('open', () => {
        const writer = new ByteWriter();
        encodeClientMessage(writer, {
          type: 'hello',
          version: protocolVersion,
          moduleHash: options.moduleHash,
          clientId: clientIdFromBytes(randomBytes(16)),
          token: '',
          position: undefined,
          settledCallId: 0 as CallId,
          subscriptions: [],
        });
        socket.send(writer.take());
      });
      socket.once('message', (data: Buffer) => {
        const message = decodeServerMessage(new ByteReader(data), () => {
          throw new Error('no rows are subscribed to');
        });
        if (message.type !== 'welcome') reject(new Error(`expected a welcome, got ${JSON.stringify(message)}`));
        socket.on('message', (frame: Buffer) => connection.#receive(frame));
        socket.on('close', () => {
          if (!load.isStopping) throw new Error('the server has closed a connection');
        });
        resolve();
      });
    });
    return connection;
  }

  /** Sends `count` calls in one frame. */
  call(count: number): void {
    const { reducerId, pairs } = this.#options;
    const writer = this.#writer;
    const nowMs = performance.now();
    const micros = Math.floor((performance.timeOrigin + nowMs) * 1000);
    const [low, high] = [micros >>> 0, Math.floor(micros / 0x1_0000_0000)];
    writer.reset();
    for (let i = 0; i < count; i++) {
      const callId = ++this.#lastCallId;
      const pair = this.#load.nextPair();
      this.#sentMs[callId % this.#sentMs.length] = nowMs;
      writer.u8(clientTag.call);
      writer.varint(callId);
      writer.varint(reducerId);
      // u64s as two words each: a client that counted in bigints would be what is measured.
      writer.u32(low);
      writer.u32(high);
      writer.u8(0);
      writer.u8(16);
      writer.u32(pairs.from[pair] ?? 0);
      writer.u32(pairs.to[pair] ?? 0);
      writer.u32(1);
      writer.u32(0);
    }
    if (this.#lastCallId - this.#acknowledged > 1000) {
      this.#acknowledged = this.#lastCallId - this.inFlight - count;
      encodeClientMessage(writer, { type: 'acknowledge', seq: 0 as never, callId: this.#acknowledged as CallId });
    }
    this.inFlight += count;
    const frame = writer.take();
    this.#load.bytesSent += frame.length;
    this.#socket.send(frame);
  }

  close(): void {
    this.#socket.close();
  }

  #receive(frame: Buffer): void {
    const reader = this.#reader;
    reader.reset(frame);
    this.#load.bytesReceived += frame.length;
    const nowMs = performance.now();
    let answered = 0;
    while (reader.remaining > 0) {
      const at = reader.position;
      if (reader.u8() !== serverTag.batch) {
        reader.reset(frame.subarray(at));
        decodeServerMessage(reader, () => {
          throw new Error('no rows are subscribed to');
        });
        continue;
      }
      answered += this.#receiveBatch(reader, nowMs);
    }
    this.inFlight -= answered;
    if (answered > 0 && this.#load.callsAgain) this.call(answered);
  }

  #receiveBatch(reader: ByteReader, nowMs: number): number {
    reader.varint();
    const outcomes = reader.varint();
    let sentMs = 0;
    /** Calls of this frame that were sent in one. */
    let together = 0;
    for (let i = 0; i < outcomes; i++) {
      const callId = reader.varint();
      const kind = reader.u8();
      if (kind === 0) {
        reader.varint();
        this.#load.committed++;
      } else {
        if (kind === 2) {
          reader.string();
          reader.string();
        }
        this.#load.rejected++;
      }
      const callSentMs = this.#sentMs[callId % this.#sentMs.length] ?? nowMs;
      if (callSentMs === sentMs) together++;
      else {
        if (together > 0) this.#load.latencies.add(nowMs - sentMs, together);
        sentMs = callSentMs;
        together = 1;
      }
    }
    if (together > 0) this.#load.latencies.add(nowMs - sentMs, together);
    reader.varint();
    return outcomes;
  }
}
