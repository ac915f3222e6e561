/**
 * The simplest client there can be: frames over a WebSocket, calls until they are answered, rows as they come. It keeps
 * no state but in memory and predicts nothing, so what it sees is what the server did.
 */

import { compileCodec } from '../../core/codec/bsatn.ts';
import { ByteReader, ByteWriter } from '../../core/codec/bytes.ts';
import { type CallId, type ClientId, clientIdFromBytes, type Outcome, type Seq } from '../../core/commit/call.ts';
import type { Key, Row, RowChange } from '../../core/commit/row-change.ts';
import { type RowShape, rowShape } from '../../core/engine/row-shape.ts';
import type { ModuleDefinition } from '../../core/module/definition.ts';
import { decodeServerMessage, encodeClientMessage } from '../../core/protocol/frame.ts';
import type { CallMessage, ClientMessage, ServerMessage, WelcomeMessage } from '../../core/protocol/messages.ts';
import { protocolVersion, subprotocol } from '../../core/protocol/version.ts';

export interface WireClientOptions {
  readonly definition: ModuleDefinition;
  readonly token?: string;
  readonly clientId?: ClientId;
  readonly moduleHash?: string;
}

export class WireClient {
  readonly clientId: ClientId;
  readonly outcomes = new Map<CallId, Outcome>();
  token: string;
  welcome: WelcomeMessage | undefined;
  /** The error that the server ended the last connection with. */
  error: { readonly code: string; readonly message: string } | undefined;
  readonly #definition: ModuleDefinition;
  readonly #moduleHash: string;
  readonly #shapes: readonly RowShape[];
  readonly #rows: readonly Map<Key, Row>[];
  readonly #pending = new Map<CallId, CallMessage>();
  readonly #waiting = new Set<{
    readonly isDone: () => boolean;
    readonly resolve: () => void;
    readonly reject: (error: Error) => void;
  }>();
  #socket: WebSocket | undefined;
  #applied = false;
  #lastCallId = 0;

  constructor({ definition, token = '', clientId, moduleHash }: WireClientOptions) {
    this.#definition = definition;
    this.#moduleHash = moduleHash ?? definition.hash;
    this.token = token;
    this.clientId = clientId ?? clientIdFromBytes(crypto.getRandomValues(new Uint8Array(16)));
    this.#shapes = definition.tables.map(rowShape);
    this.#rows = definition.tables.map(() => new Map());
  }

  /** Resolves when the rows are there; rejects when the connection ends before. Calls without an outcome are sent again. */
  async connect(url: string): Promise<void> {
    this.close();
    this.#applied = false;
    this.welcome = undefined;
    this.error = undefined;
    for (const rows of this.#rows) rows.clear();
    const socket = new WebSocket(`${url.replace(/^http/, 'ws')}/v1/database/main/subscribe`, subprotocol);
    this.#socket = socket;
    socket.binaryType = 'arraybuffer';
    socket.addEventListener('open', () => this.#hello());
    socket.addEventListener('message', ({ data }) => {
      if (socket === this.#socket) this.#receive(new Uint8Array(data as ArrayBuffer));
    });
    const ended = (): void => {
      if (socket === this.#socket) this.close();
    };
    socket.addEventListener('close', ended);
    socket.addEventListener('error', ended);
    await this.until(() => this.#applied);
    this.#send([...this.#pending.values()]);
  }

  get isConnected(): boolean {
    return this.#socket !== undefined;
  }

  get pendingCount(): number {
    return this.#pending.size;
  }

  /** Sends calls of one reducer in one frame; they stay pending until they are answered. */
  call(reducer: string, ...args: readonly Readonly<Record<string, unknown>>[]): CallId[] {
    const definition = this.#definition.reducers.find(({ name }) => name === reducer);
    if (definition === undefined) throw new Error(`no reducer ${reducer}`);
    const codec = compileCodec(definition.params);
    const calls = args.map((each): CallMessage => {
      const writer = new ByteWriter();
      codec.encode(writer, each);
      const callId = ++this.#lastCallId as CallId;
      return {
        type: 'call',
        callId,
        reducerId: definition.reducerId,
        timestampMicros: 0,
        idHints: [],
        args: writer.take(),
      };
    });
    for (const call of calls) this.#pending.set(call.callId, call);
    if (this.#applied) this.#send(calls);
    return calls.map(({ callId }) => callId);
  }

  /** Makes one call; resolves with its outcome. */
  async run(reducer: string, args: Readonly<Record<string, unknown>>): Promise<Outcome> {
    const [callId] = this.call(reducer, args) as [CallId];
    await this.until(() => this.outcomes.has(callId));
    return this.outcomes.get(callId) as Outcome;
  }

  acknowledge(): void {
    this.#send([{ type: 'acknowledge', seq: 0 as Seq, callId: this.#settledCallId() }]);
  }

  rows(table: string): Row[] {
    const definition = this.#definition.tables.find(({ name }) => name === table);
    return [...(this.#rows[definition?.tableId ?? -1]?.values() ?? [])];
  }

  /** Bytes as they are. */
  sendRaw(data: Uint8Array<ArrayBuffer> | string): void {
    this.#socket?.send(data);
  }

  /** Resolves when `isDone`, looked at after each message; rejects when the connection ends. */
  until(isDone: () => boolean): Promise<void> {
    if (isDone()) return Promise.resolve();
    if (this.#socket === undefined) return Promise.reject(new Error('not connected'));
    return new Promise((resolve, reject) => this.#waiting.add({ isDone, resolve, reject }));
  }

  close(): void {
    this.#socket?.close();
    this.#socket = undefined;
    this.#applied = false;
    for (const { reject } of this.#waiting) reject(new Error(`disconnected: ${this.error?.code ?? 'no reason given'}`));
    this.#waiting.clear();
  }

  /** Every call up to this one is answered. */
  #settledCallId(): CallId {
    const [oldest] = this.#pending.keys();
    return (oldest === undefined ? this.#lastCallId : oldest - 1) as CallId;
  }

  #hello(): void {
    const queries = this.#definition.tables.filter((table) => table.public).map(({ name }) => `SELECT * FROM ${name}`);
    this.#send([
      {
        type: 'hello',
        version: protocolVersion,
        moduleHash: this.#moduleHash,
        clientId: this.clientId,
        token: this.token,
        position: undefined,
        settledCallId: this.#settledCallId(),
        subscriptions: [{ subscriptionId: 1, queries }],
      },
    ]);
  }

  #send(messages: readonly ClientMessage[]): void {
    if (messages.length === 0 || this.#socket?.readyState !== WebSocket.OPEN) return;
    const writer = new ByteWriter();
    for (const message of messages) encodeClientMessage(writer, message);
    this.#socket.send(writer.take());
  }

  #receive(frame: Uint8Array): void {
    const reader = new ByteReader(frame);
    while (reader.remaining > 0)
      this.#handle(decodeServerMessage(reader, (tableId) => this.#shapes[tableId] as RowShape));
    for (const waiting of this.#waiting) {
      if (!waiting.isDone()) continue;
      this.#waiting.delete(waiting);
      waiting.resolve();
    }
  }

  #handle(message: ServerMessage): void {
    switch (message.type) {
      case 'welcome':
        this.welcome = message;
        if (message.token !== '') this.token = message.token;
        return;
      case 'snapshot':
        for (const row of message.rows)
          this.#set(message.tableId, this.#shapes[message.tableId]?.keyOf(row) as Key, row);
        return;
      case 'applied':
        this.#applied = true;
        return;
      case 'batch':
        for (const { changes } of message.commits)
          for (const { tableId, key, after } of changes as RowChange[]) this.#set(tableId, key, after);
        for (const outcome of message.outcomes) {
          this.outcomes.set(outcome.callId, outcome);
          this.#pending.delete(outcome.callId);
        }
        return;
      case 'module':
        return this.#hello();
      case 'error':
        this.error = { code: message.code, message: message.message };
        return;
      default:
        return;
    }
  }

  #set(tableId: number, key: Key, row: Row | undefined): void {
    if (row === undefined) this.#rows[tableId]?.delete(key);
    else this.#rows[tableId]?.set(key, row);
  }
}
