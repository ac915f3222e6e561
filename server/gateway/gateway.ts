/**
 * WebSockets to sessions, and the one door to ws.
 *
 * Laws: frames are binary and of `v1.forerun`; whatever else comes, or comes in excess, ends that connection and no other.
 * What is sent to a socket in one tick goes to the kernel in one write. A reader that is too slow is let go, and resumes
 * from its position when it comes back: memory does not grow with it.
 *
 * Close codes: 1003 for a text frame, 1009 for a frame beyond `frameBytesMax` (`frame-too-large`); otherwise the reason is
 * in an error message before.
 */

import type { IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import { type RawData, type WebSocket, WebSocketServer } from 'ws';
import { ByteWriter } from '../../core/codec/bytes.ts';
import type { Scheduler } from '../../core/environment.ts';
import { type ErrorCode, ForerunError } from '../../core/errors.ts';
import { limits } from '../../core/limits.ts';
import { encodeServerMessage } from '../../core/protocol/frame.ts';
import type { Transport, TransportEvents } from '../../core/protocol/transport.ts';
import { subprotocol } from '../../core/protocol/version.ts';
import { refuseUpgrade } from '../http.ts';
import { webSocketFrame } from './web-socket-frame.ts';

export interface GatewayOptions {
  /** Takes each new connection, as `SessionHub.accept` does. */
  readonly accept: (connect: (events: TransportEvents) => Transport) => void;
  readonly scheduler: Scheduler;
  /** Something threw that is not a ForerunError: a bug of ours. */
  readonly connectionFailed: (error: unknown) => void;
  readonly limits?: Partial<GatewayLimits>;
}

export interface GatewayLimits {
  readonly frameBytesMax: number;
  readonly bufferedBytesMax: number;
  readonly heartbeatMs: number;
  readonly silenceMsMax: number;
}

/** How long the far end may take to close, once this end has. */
const closeTimeoutMs = 2_000;

export class Gateway {
  readonly #options: GatewayOptions;
  readonly #limits: GatewayLimits;
  readonly #sockets: WebSocketServer;
  readonly #connections = new Set<Connection>();
  /** Those with frames that leave at the end of the tick. */
  readonly #sending: Connection[] = [];
  /** The frame that was put together last: many subscribers are sent the same. */
  #lastPayload: Uint8Array | undefined;
  #lastFrame: Buffer = Buffer.alloc(0);
  #stopHeartbeat: () => void = () => {};
  #drained: (() => void) | undefined;
  #isClosing = false;

  constructor(options: GatewayOptions) {
    this.#options = options;
    this.#limits = { ...limits, ...options.limits };
    // The types know fewer options than ws takes.
    const serverOptions: ConstructorParameters<typeof WebSocketServer>[0] & { closeTimeout: number } = {
      noServer: true,
      clientTracking: false,
      perMessageDeflate: false,
      maxPayload: this.#limits.frameBytesMax,
      // Text is refused whatever it holds.
      skipUTF8Validation: true,
      handleProtocols: () => subprotocol,
      closeTimeout: closeTimeoutMs,
    };
    this.#sockets = new WebSocketServer(serverOptions);
    this.#beat();
  }

  get connectionCount(): number {
    return this.#connections.size;
  }

  /** Answers a request to become a WebSocket of this gateway's database. */
  upgrade(request: IncomingMessage, socket: Duplex, head: Buffer): void {
    if (this.#isClosing) {
      refuseUpgrade(
        socket,
        503,
        new ForerunError('connection-refused', 'The server is stopping. Connect again in a moment.'),
      );
      return;
    }
    const offered = String(request.headers['sec-websocket-protocol'] ?? '').split(',');
    if (!offered.some((name) => name.trim() === subprotocol)) {
      refuseUpgrade(
        socket,
        400,
        new ForerunError(
          'protocol-mismatch',
          `This endpoint speaks the WebSocket subprotocol ${subprotocol}. Offer it.`,
        ),
      );
      return;
    }
    this.#sockets.handleUpgrade(request, socket, head, (webSocket) => this.#open(webSocket, socket));
  }

  /** Takes no more connections; resolves when those there are have ended. */
  async close(): Promise<void> {
    this.#isClosing = true;
    this.#stopHeartbeat();
    if (this.#connections.size > 0) await new Promise<void>((resolve) => (this.#drained = resolve));
    this.#sockets.close();
  }

  #open(webSocket: WebSocket, socket: Duplex): void {
    this.#options.accept((events) => {
      const connection = new Connection(webSocket, socket, events, {
        bufferedBytesMax: this.#limits.bufferedBytesMax,
        frameOf: (payload) => this.#frameOf(payload),
        sending: (sending) => this.#noteSending(sending),
        failed: this.#options.connectionFailed,
        ended: (ended) => this.#remove(ended),
      });
      this.#connections.add(connection);
      return connection;
    });
  }

  #remove(connection: Connection): void {
    this.#connections.delete(connection);
    if (this.#connections.size === 0) this.#drained?.();
  }

  #frameOf(payload: Uint8Array): Buffer {
    if (payload !== this.#lastPayload) {
      this.#lastPayload = payload;
      this.#lastFrame = webSocketFrame(payload);
    }
    return this.#lastFrame;
  }

  #noteSending(connection: Connection): void {
    if (this.#sending.push(connection) > 1) return;
    process.nextTick(() => {
      for (const each of this.#sending.splice(0)) each.flush();
      // Its payload may be used again with other content.
      this.#lastPayload = undefined;
    });
  }

  #beat(): void {
    const beatsMax = Math.ceil(this.#limits.silenceMsMax / this.#limits.heartbeatMs);
    this.#stopHeartbeat = this.#options.scheduler.after(this.#limits.heartbeatMs, () => {
      for (const connection of this.#connections) connection.beat(beatsMax);
      this.#beat();
    });
  }
}

interface ConnectionHome {
  readonly bufferedBytesMax: number;
  readonly frameOf: (payload: Uint8Array) => Buffer;
  /** It has the first frame of this tick, and wants to be flushed at its end. */
  readonly sending: (connection: Connection) => void;
  readonly failed: (error: unknown) => void;
  readonly ended: (connection: Connection) => void;
}

class Connection implements Transport {
  readonly #webSocket: WebSocket;
  readonly #socket: Duplex;
  readonly #events: TransportEvents;
  readonly #home: ConnectionHome;
  /** Those of this tick. The socket is ws's too, whose own frames, pongs and closes, it writes at once. */
  #frames: Buffer[] = [];
  #framesBytes = 0;
  /** This end has closed: nothing is taken and nothing is handed on any more. */
  #isOver = false;
  /** Heartbeats since the last sign of life. */
  #beats = 0;

  constructor(webSocket: WebSocket, socket: Duplex, events: TransportEvents, home: ConnectionHome) {
    this.#webSocket = webSocket;
    this.#socket = socket;
    this.#events = events;
    this.#home = home;
    webSocket.on('message', (data, isBinary) => this.#receive(data, isBinary));
    webSocket.on('pong', () => {
      this.#beats = 0;
    });
    // What follows is 'close'; frames beyond the limit have been answered by ws itself.
    webSocket.on('error', () => {});
    webSocket.on('close', () => {
      this.#isOver = true;
      home.ended(this);
      this.#guarded(() => events.closed());
    });
  }

  send(payload: Uint8Array): void {
    if (this.#isOver) return;
    if (this.bufferedBytes() > this.#home.bufferedBytesMax) {
      this.#terminate();
      return;
    }
    const frame = this.#home.frameOf(payload);
    this.#framesBytes += frame.length;
    if (this.#frames.push(frame) === 1) this.#home.sending(this);
  }

  close(code = 1000): void {
    if (this.#isOver) return;
    this.flush();
    this.#isOver = true;
    this.#webSocket.close(code);
  }

  bufferedBytes(): number {
    return this.#framesBytes + this.#webSocket.bufferedAmount;
  }

  /** In one write, past ws, which has nothing under way: it neither compresses nor splits. */
  flush(): void {
    const frames = this.#frames;
    if (frames.length === 0) return;
    this.#frames = [];
    this.#framesBytes = 0;
    if (this.#isOver || this.#webSocket.readyState !== this.#webSocket.OPEN) return;
    if (frames.length === 1) this.#socket.write(frames[0]);
    else {
      this.#socket.cork();
      for (const frame of frames) this.#socket.write(frame);
      this.#socket.uncork();
    }
  }

  beat(beatsMax: number): void {
    if (this.#beats >= beatsMax) this.#terminate();
    else {
      this.#beats++;
      if (!this.#isOver) this.#webSocket.ping();
    }
  }

  #receive(data: RawData, isBinary: boolean): void {
    this.#beats = 0;
    if (this.#isOver) return;
    if (!isBinary) {
      this.#sendError('frame-invalid', 'Frames are binary here; this one was text.');
      this.close(1003);
      return;
    }
    // A Buffer, as its binaryType says.
    this.#guarded(() => this.#events.receive(data as Buffer));
  }

  /** A bug must not reach other connections, nor end the process. */
  #guarded(handle: () => void): void {
    try {
      handle();
    } catch (error) {
      this.#home.failed(error);
      this.#sendError(
        'internal',
        'The authority failed to handle what this connection sent. Its diagnostics say more.',
      );
      this.close(1011);
    }
  }

  #sendError(code: ErrorCode, message: string): void {
    const writer = new ByteWriter();
    encodeServerMessage(writer, { type: 'error', code, message });
    this.send(writer.take());
  }

  #terminate(): void {
    this.#isOver = true;
    this.#webSocket.terminate();
  }
}
