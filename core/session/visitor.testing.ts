/** A hub over a home, and clients that take the protocol at its word: what they hold is folded out of what they are sent. */

import { compileCodec } from '../codec/bsatn.ts';
import { ByteReader, ByteWriter } from '../codec/bytes.ts';
import type { CallId, IdHint, Outcome, Position, Seq } from '../commit/call.ts';
import type { Key, Row, RowChange } from '../commit/row-change.ts';
import { clientIdOf, type Home, identityOf } from '../authority/home.testing.ts';
import { ForerunError } from '../errors.ts';
import { decodeServerMessage, encodeClientMessage } from '../protocol/frame.ts';
import type { ClientMessage, ErrorMessage, HelloMessage, ServerMessage, WelcomeMessage } from '../protocol/messages.ts';
import { memoryTransport, type Transport, type TransportEvents } from '../protocol/transport.ts';
import { protocolVersion } from '../protocol/version.ts';
import { type HubOptions, SessionHub } from './hub.ts';

export function hubOf(home: Home, options: Partial<HubOptions> = {}): SessionHub {
  let next = 1_000;
  return new SessionHub({
    authority: home.authority,
    environment: home.environment,
    authenticate: async (token) => {
      if (token === '') return { identity: identityOf(++next), token: `${next}` };
      if (!/^\d+$/.test(token)) throw new ForerunError('token-invalid', 'This token is none of ours.');
      return { identity: identityOf(Number(token)), token: '' };
    },
    ...options,
  });
}

export class Visitor implements TransportEvents {
  readonly home: Home;
  readonly number: number;
  readonly messages: ServerMessage[] = [];
  readonly frames: Uint8Array[] = [];
  readonly tables = new Map<number, Map<Key, Row>>();
  readonly outcomes: Outcome[] = [];
  readonly events: Row[] = [];
  /** Rows and keys on their way, by subscription. */
  readonly staged = new Map<number, Map<number, Map<Key, Row | undefined>>>();
  isClosed = false;
  position: Position | undefined;
  settledCallId = 0;
  /** What it holds when each subscription is applied. */
  onApplied: (subscriptionId: number, seq: Seq) => void = () => {};
  onEnded: (subscriptionId: number, seq: Seq) => void = () => {};
  #transport: Transport | undefined;
  #greeted: readonly number[] = [];
  #begun = new Set<number>();

  constructor(home: Home, number: number) {
    this.home = home;
    this.number = number;
  }

  connect(hub: SessionHub): void {
    this.isClosed = false;
    hub.accept((events) => {
      const { near, far } = memoryTransport(this.home.environment.scheduler, this, events);
      this.#transport = near;
      return far;
    });
  }

  attach(transport: Transport): void {
    this.#transport = transport;
  }

  /** In one frame. */
  say(...messages: ClientMessage[]): void {
    const writer = new ByteWriter();
    for (const message of messages) encodeClientMessage(writer, message);
    this.sendBytes(writer.take());
  }

  sendBytes(bytes: Uint8Array): void {
    this.#transport?.send(bytes);
  }

  hangUp(): void {
    this.#transport?.close();
  }

  hello(fields: Partial<HelloMessage> & { readonly queries?: readonly string[] } = {}): void {
    const { queries = [], ...given } = fields;
    this.#greeted = given.subscriptions?.map(({ subscriptionId }) => subscriptionId) ?? [1];
    this.say({
      type: 'hello',
      version: protocolVersion,
      moduleHash: this.home.authority.definition.hash,
      clientId: clientIdOf(this.number),
      token: `${this.number}`,
      position: this.position,
      settledCallId: this.settledCallId as CallId,
      subscriptions: queries.length === 0 ? [] : [{ subscriptionId: 1, queries }],
      ...given,
    });
  }

  call(callId: number, accessor: string, args: unknown = {}, idHints: IdHint[] = []): void {
    this.say(this.callMessage(callId, accessor, args, idHints));
  }

  callMessage(callId: number, accessor: string, args: unknown = {}, idHints: IdHint[] = []): ClientMessage {
    const reducer = this.home.authority.definition.reducers.find((each) => each.accessor === accessor);
    const writer = new ByteWriter();
    if (reducer !== undefined) compileCodec(reducer.params).encode(writer, args as never);
    return {
      type: 'call',
      callId: callId as CallId,
      reducerId: reducer?.reducerId ?? 999,
      timestampMicros: this.home.time.nowMs * 1000,
      idHints,
      args: writer.take(),
    };
  }

  of<T extends ServerMessage['type']>(type: T): Extract<ServerMessage, { type: T }>[] {
    return this.messages.filter((message): message is Extract<ServerMessage, { type: T }> => message.type === type);
  }

  get welcome(): WelcomeMessage | undefined {
    return this.of('welcome').at(-1);
  }

  get error(): ErrorMessage | undefined {
    return this.of('error').at(-1);
  }

  rows(accessor: string): Row[] {
    const { definition, engine } = this.home.authority;
    const tableId = definition.tables.findIndex((table) => table.accessor === accessor);
    const { keyOf, compareKeys } = engine.shape(tableId);
    return [...(this.tables.get(tableId)?.values() ?? [])].sort((a, b) => compareKeys(keyOf(a), keyOf(b)));
  }

  receive(frame: Uint8Array): void {
    this.frames.push(frame);
    const reader = new ByteReader(frame);
    while (reader.remaining > 0) {
      const message = decodeServerMessage(reader, (tableId) => this.home.authority.engine.shape(tableId));
      this.messages.push(message);
      this.#fold(message);
    }
  }

  closed(): void {
    this.isClosed = true;
  }

  #fold(message: ServerMessage): void {
    switch (message.type) {
      case 'welcome':
        this.#begun = new Set(this.#greeted);
        this.staged.clear();
        if (!message.resumed) this.tables.clear();
        this.position = {
          epoch: message.epoch,
          seq: message.resumed ? (this.position?.seq ?? message.seq) : message.seq,
        };
        return;
      case 'snapshot': {
        const { subscriptionId, tableId } = message;
        for (const row of message.rows) {
          if (subscriptionId === 0) this.#put(tableId, this.#keyOf(tableId, row), row);
          else this.#stage(subscriptionId, tableId).set(this.#keyOf(tableId, row), row);
        }
        return;
      }
      case 'leaving':
        for (const key of message.keys) this.#stage(message.subscriptionId, message.tableId).set(key, undefined);
        return;
      case 'staged':
        if (message.subscriptionId === 0) this.#advance(message.lastSeq);
        for (const { tableId, key, after } of message.commits.flatMap(({ changes }) => changes)) {
          if (message.subscriptionId === 0) this.#apply({ tableId, key, before: undefined, after });
          else if (after === undefined) this.#stage(message.subscriptionId, tableId).delete(key);
          else this.#stage(message.subscriptionId, tableId).set(key, after);
        }
        return;
      case 'batch':
        for (const commit of message.commits) for (const change of commit.changes) this.#apply(change);
        for (const outcome of message.outcomes) {
          this.outcomes.push(outcome);
          this.settledCallId = Math.max(this.settledCallId, outcome.callId);
        }
        this.#advance(message.lastSeq);
        return;
      case 'ephemeral':
        for (const tableId of message.completeTables) this.tables.get(tableId)?.clear();
        for (const change of message.changes) this.#apply(change);
        return;
      case 'ended':
        this.#advance(message.seq);
        // What came of one that had not begun counts for nothing.
        if (this.#begun.delete(message.subscriptionId)) this.#settleStaged(message.subscriptionId, () => undefined);
        this.staged.delete(message.subscriptionId);
        this.onEnded(message.subscriptionId, message.seq);
        return;
      case 'applied':
        this.#advance(message.seq);
        this.#begun.add(message.subscriptionId);
        this.#settleStaged(message.subscriptionId, (row) => row);
        this.onApplied(message.subscriptionId, message.seq);
        return;
      default:
        return;
    }
  }

  #advance(seq: Seq): void {
    if (this.position !== undefined && seq > this.position.seq) this.position = { ...this.position, seq };
  }

  #apply({ tableId, key, after }: RowChange): void {
    if (this.home.authority.engine.shape(tableId).table.event) {
      if (after !== undefined) this.events.push(after);
    } else if (after === undefined) this.tables.get(tableId)?.delete(key);
    else this.#put(tableId, key, after);
  }

  #put(tableId: number, key: Key, row: Row): void {
    const rows = this.tables.get(tableId);
    if (rows === undefined) this.tables.set(tableId, new Map([[key, row]]));
    else rows.set(key, row);
  }

  #settleStaged(subscriptionId: number, rowOf: (row: Row | undefined) => Row | undefined): void {
    for (const [tableId, rows] of this.staged.get(subscriptionId) ?? []) {
      for (const [key, row] of rows) this.#apply({ tableId, key, before: undefined, after: rowOf(row) });
    }
    this.staged.delete(subscriptionId);
  }

  #stage(subscriptionId: number, tableId: number): Map<Key, Row | undefined> {
    const tables = this.staged.get(subscriptionId) ?? new Map<number, Map<Key, Row | undefined>>();
    this.staged.set(subscriptionId, tables);
    const rows = tables.get(tableId) ?? new Map<Key, Row | undefined>();
    tables.set(tableId, rows);
    return rows;
  }

  #keyOf(tableId: number, row: Row): Key {
    return this.home.authority.engine.shape(tableId).keyOf(row);
  }
}

/** One turn of the loop and what follows from it at once. */
export async function pass(home: Home): Promise<void> {
  home.time.tick();
  for (let i = 0; i < 8; i++) await undefined;
}
