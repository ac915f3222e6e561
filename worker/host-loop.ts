/**
 * The host's loop: replica, prediction and connection of one client. The page's calls, the authority's messages and
 * timers all come in as one kind of event, and `handle` is the one place that reacts.
 *
 * Law: everything that one event changes for the page leaves in one list, after the rows are right again.
 */

import { unreachable } from '../core/assert.ts';
import { type Codec, compileCodec } from '../core/codec/bsatn.ts';
import { ByteReader, ByteWriter } from '../core/codec/bytes.ts';
import {
  type Call,
  type CallId,
  clientIdFromBytes,
  type ClientId,
  type Epoch,
  type Outcome,
  type Position,
  type Seq,
} from '../core/commit/call.ts';
import type { Engine } from '../core/engine/engine.ts';
import type { Environment } from '../core/environment.ts';
import { ForerunError } from '../core/errors.ts';
import { limits } from '../core/limits.ts';
import type { ModuleDefinition } from '../core/module/definition.ts';
import type { HelloMessage, ServerMessage, WelcomeMessage } from '../core/protocol/messages.ts';
import type { Transport, TransportEvents } from '../core/protocol/transport.ts';
import { protocolVersion } from '../core/protocol/version.ts';
import { ConnectionId } from '../core/value/connection-id.ts';
import { Identity } from '../core/value/identity.ts';
import type {
  ClientStatus,
  HostCall,
  HostEvent,
  HostListener,
  HostOptions,
  PredictionSummary,
  Simulation,
  WatchRequest,
} from './client/host-api.ts';
import { Connection } from './connection/connection.ts';
import { PageFeed } from './page-feed.ts';
import type { ClientStore } from './persist/store.ts';
import type { ClientIds } from './predict/client-ids.ts';
import type { PendingCall, Prediction } from './predict/pending.ts';
import { Predictor, type ReconcileResult } from './predict/predictor.ts';
import { SnapshotStaging } from './snapshot-staging.ts';

/** What the host needs of its home. */
export interface HostHome {
  readonly definition: ModuleDefinition;
  readonly environment: Environment;
  readonly connect: (url: string, events: TransportEvents & { readonly opened: () => void }) => Transport;
  readonly openStore: (database: string) => Promise<ClientStore>;
}

/** What the loop works with, opened and its own from here on. */
export interface HostParts {
  readonly home: HostHome;
  readonly options: HostOptions;
  readonly listener: HostListener;
  readonly store: ClientStore;
  readonly engine: Engine;
  readonly ids: ClientIds;
  /** Empty for someone new. */
  readonly token: string;
}

type Event =
  | { readonly type: 'call'; readonly request: HostCall }
  | { readonly type: 'watch'; readonly request: WatchRequest }
  | { readonly type: 'welcomed'; readonly welcome: WelcomeMessage }
  | { readonly type: 'received'; readonly messages: readonly ServerMessage[] }
  | { readonly type: 'lost'; readonly error: ForerunError; readonly retryMs: number | undefined }
  | { readonly type: 'refresh' };

/** One subscription to everything that is public, for now. */
const subscriptionId = 1;
export class HostLoop {
  readonly feed: PageFeed;
  readonly #definition: ModuleDefinition;
  readonly #store: ClientStore;
  readonly #engine: Engine;
  readonly #ids: ClientIds;
  readonly #predictor: Predictor;
  readonly #connection: Connection;
  readonly #environment: Environment;
  #clientId: ClientId;
  readonly #argsCodecs: readonly Codec[];
  readonly #publicTables: readonly number[];
  readonly #handles = new Map<CallId, number>();
  #token: string;
  #identity: Identity | undefined;
  #connectionId: ConnectionId | null = null;
  #epoch: Epoch | undefined;
  /** Of the rows that are here; a snapshot moves it when it is complete. */
  #position: Position | undefined;
  #lastCallId = 0;
  #settledCallId = 0;
  #predicts = true;
  #isReady = false;
  #replayedTold = 0;
  #rolledBackTold = 0;
  #staging: SnapshotStaging | undefined;
  #status: ClientStatus = { type: 'connecting', ready: false, pending: 0, identity: undefined };
  #isClosed = false;

  constructor({ home, options, listener, store, engine, ids, token }: HostParts) {
    this.#definition = home.definition;
    this.#store = store;
    this.#engine = engine;
    this.#ids = ids;
    this.#token = token;
    this.#predictor = new Predictor(engine, ids);
    this.feed = new PageFeed({
      engine,
      environment: home.environment,
      listener,
      wake: () => this.handle({ type: 'refresh' }),
    });
    this.#argsCodecs = home.definition.reducers.map((reducer) => compileCodec(reducer.params));
    this.#publicTables = home.definition.tables.filter((table) => table.public).map((table) => table.tableId);
    this.#environment = home.environment;
    // A new id for each start: no call of an earlier one can be taken for one of ours.
    this.#clientId = this.#newClientId();
    this.#connection = new Connection({
      environment: home.environment,
      connect: (events) => home.connect(options.url, events),
      hello: () => this.#hello(),
      shapeOf: (tableId) => engine.shape(tableId),
      events: {
        welcomed: (welcome) => this.handle({ type: 'welcomed', welcome }),
        received: (messages) => this.handle({ type: 'received', messages }),
        lost: (error, retryMs) => this.handle({ type: 'lost', error, retryMs }),
      },
    });
  }

  start(): void {
    this.#emitStatus();
    this.#connection.start();
  }

  simulate({ latencyMs, offline, prediction }: Simulation): void {
    if (latencyMs !== undefined) this.#connection.simulateLatency(latencyMs);
    if (prediction !== undefined) this.#predicts = prediction;
    if (offline !== undefined) this.#connection.simulateOffline(offline);
  }

  close(): void {
    this.#isClosed = true;
    this.#connection.stop();
    this.feed.close();
    this.#engine.close();
    this.#store.close();
  }

  handle(event: Event): void {
    if (this.#isClosed) return;
    switch (event.type) {
      case 'call':
        this.#call(event.request);
        break;
      case 'watch':
        this.feed.watch(event.request);
        break;
      case 'welcomed':
        this.#welcomed(event.welcome);
        break;
      case 'received':
        this.#received(event.messages);
        break;
      case 'lost':
        this.#lost(event.error, event.retryMs);
        break;
      case 'refresh':
        this.feed.refresh();
        break;
      default:
        unreachable(event);
    }
    this.#emitStatus();
    this.feed.deliver();
  }

  #call({ handleId, reducerId, args }: HostCall): void {
    const reducer = this.#definition.reducers[reducerId];
    const codec = this.#argsCodecs[reducerId];
    if (reducer === undefined || codec === undefined)
      return this.#refuse(handleId, 'reducer-unknown', `There is no reducer number ${reducerId}.`);
    if (this.#predictor.pending.size >= limits.pendingCallsMax) {
      return this.#refuse(
        handleId,
        'limit-reached',
        `${limits.pendingCallsMax} calls wait for the authority already (pendingCallsMax). Call again when it has answered some.`,
      );
    }
    const callId = ++this.#lastCallId as CallId;
    const call: Call = {
      clientId: this.#clientId,
      callId,
      reducerId,
      args: codec.decode(new ByteReader(args)),
      timestampMicros: this.#connection.clock.arrivalMicros(),
      sender: this.#identity ?? Identity.zero(),
      connectionId: this.#connectionId,
      idHints: [],
    };
    this.#handles.set(callId, handleId);
    const { pending, changes } = this.#predictor.predict(call, this.#whyUnpredicted(reducer.predict));
    this.feed.changed(changes);
    this.feed.push({
      type: 'call',
      handleId,
      progress: {
        type: 'predicted',
        prediction: summary(pending.prediction),
        timestampMicros: call.timestampMicros,
      },
    });
    this.#send(pending, args);
    this.feed.refresh();
  }

  #whyUnpredicted(predict: boolean): string | undefined {
    if (!predict) return 'The reducer says predict: false.';
    if (!this.#predicts) return 'Prediction is switched off.';
    if (this.#identity === undefined) return 'The authority has not told this client its identity yet.';
    return this.#isReady ? undefined : 'The rows have not arrived yet.';
  }

  #refuse(handleId: number, code: 'reducer-unknown' | 'limit-reached', message: string): void {
    this.feed.push({ type: 'call', handleId, progress: { type: 'rejected', rejection: { code, message } } });
  }

  #newClientId(): ClientId {
    return clientIdFromBytes(this.#environment.entropy.fill(new Uint8Array(16)));
  }

  #hello(): HelloMessage {
    // Someone new is given another identity each time, and the id may belong to the one of a lost welcome. No call has
    // been sent under it.
    if (this.#token === '' && this.#identity === undefined) this.#clientId = this.#newClientId();
    return {
      type: 'hello',
      version: protocolVersion,
      moduleHash: this.#definition.hash,
      clientId: this.#clientId,
      token: this.#token,
      position: this.#position,
      settledCallId: this.#settledCallId as CallId,
      subscriptions: [
        {
          subscriptionId,
          queries: this.#publicTables.map((tableId) => `SELECT * FROM "${this.#engine.shape(tableId).table.name}"`),
        },
      ],
    };
  }

  #welcomed(welcome: WelcomeMessage): void {
    this.#identity = new Identity(welcome.identity);
    this.#connectionId = new ConnectionId(welcome.connectionId);
    if (welcome.token !== '') {
      this.#token = welcome.token;
      void this.#store.putToken(welcome.token);
    }
    if (this.#epoch !== welcome.epoch) this.#ids.forget();
    this.#epoch = welcome.epoch;
    this.#staging = welcome.resumed
      ? undefined
      : new SnapshotStaging(subscriptionId, this.#publicTables, (tableId) => this.#engine.shape(tableId));
    for (const pending of this.#predictor.pending) this.#send(pending, undefined);
    this.#status = { type: 'live', ready: this.#isReady, pending: 0, identity: undefined, progress: 0 };
  }

  #lost(error: ForerunError, retryMs: number | undefined): void {
    this.#staging = undefined;
    const common = { ready: this.#isReady, pending: 0, identity: undefined };
    this.#status =
      retryMs === undefined
        ? { type: 'stopped', ...common, code: error.code, message: error.message }
        : { type: 'offline', ...common, retryMs, message: error.message };
  }

  #received(messages: readonly ServerMessage[]): void {
    const settledBefore = this.#settledCallId;
    for (const message of messages) this.#receive(message);
    // Whoever waits for a call finds what it did in the rows.
    if (this.#settledCallId === settledBefore) this.feed.refreshSoon();
    else this.feed.refresh();
  }

  #receive(message: ServerMessage): void {
    switch (message.type) {
      case 'batch':
        if (this.#staging !== undefined) return this.#staging.absorb(message);
        this.#finish(this.#predictor.reconcile(message.lastSeq, message.commits, message.outcomes));
        return this.#advance(message.lastSeq, message.outcomes);
      case 'snapshot':
        this.#staging?.add(message);
        return;
      case 'applied':
        return this.#applySnapshot(message.seq);
      case 'lease':
        return this.#ids.lend(message.tableId, message.column, message.from, message.to);
      case 'subscriptionRefused':
        return this.#lost(new ForerunError('query-invalid', message.message), undefined);
      case 'welcome':
      case 'pong':
      case 'error':
        // The connection keeps these to itself.
        return;
      default:
        return unreachable(message);
    }
  }

  #applySnapshot(seq: Seq): void {
    const staging = this.#staging;
    if (staging === undefined) return;
    this.#staging = undefined;
    const { tables, ownCommits, outcomes } = staging;
    if (this.#predictor.isEmpty(tables.keys())) this.#load(staging);
    else this.#finish(this.#predictor.replaceRows(seq, tables, ownCommits, outcomes));
    this.#isReady = true;
    for (const tableId of tables.keys()) this.feed.touch(tableId);
    if (this.#epoch !== undefined) this.#position = { epoch: this.#epoch, seq };
    this.#advance(seq, outcomes);
  }

  #load(staging: SnapshotStaging): void {
    for (const [tableId, rows] of staging.tables) {
      this.#engine.store(tableId).load(rows.values());
      if (this.feed.isWatched(tableId))
        this.feed.changed([...rows].map(([key, after]) => ({ tableId, key, before: undefined, after })));
    }
  }

  #advance(seq: Seq, outcomes: readonly Outcome[]): void {
    if (this.#position !== undefined && seq > this.#position.seq) this.#position = { ...this.#position, seq };
    const last = outcomes.at(-1);
    // A call that was answered twice may come late.
    if (last === undefined || last.callId <= this.#settledCallId) return;
    this.#settledCallId = last.callId;
    this.#connection.send({ type: 'acknowledge', seq, callId: last.callId });
  }

  #finish({ changes, settled, outcomeChanges }: ReconcileResult): void {
    this.feed.changed(changes);
    for (const { pending, from, to } of outcomeChanges) {
      this.#progress(pending, { type: 'outcomeChanged', from: summary(from), to: summary(to) });
    }
    for (const { pending, outcome, asPredicted } of settled) {
      this.#progress(
        pending,
        outcome.type === 'rejected'
          ? { type: 'rejected', rejection: outcome.rejection }
          : { type: 'confirmed', seq: outcome.type === 'committed' ? outcome.seq : undefined, asPredicted },
      );
      this.#handles.delete(pending.call.callId);
    }
    const { pending, counters } = this.#predictor;
    const isNews =
      settled.length > 0 || this.#replayedTold !== counters.replayed || this.#rolledBackTold !== counters.rolledBack;
    if (!isNews) return;
    this.#replayedTold = counters.replayed;
    this.#rolledBackTold = counters.rolledBack;
    this.feed.push({ type: 'counters', counters: { pending: pending.size, ...counters } });
  }

  #progress(pending: PendingCall, progress: Extract<HostEvent, { type: 'call' }>['progress']): void {
    const handleId = this.#handles.get(pending.call.callId);
    if (handleId !== undefined) this.feed.push({ type: 'call', handleId, progress });
  }

  #send({ call }: PendingCall, args: Uint8Array | undefined): void {
    if (!this.#connection.isLive) return;
    this.#connection.send({
      type: 'call',
      callId: call.callId,
      reducerId: call.reducerId,
      timestampMicros: call.timestampMicros,
      idHints: call.idHints,
      args: args ?? this.#encodeArgs(call),
    });
  }

  #encodeArgs(call: Call): Uint8Array {
    const writer = new ByteWriter();
    this.#argsCodecs[call.reducerId]?.encode(writer, call.args);
    return writer.take();
  }

  #emitStatus(): void {
    const common = {
      ready: this.#isReady,
      pending: this.#predictor.pending.size,
      identity: this.#identity?.toHexString(),
    };
    const status: ClientStatus =
      this.#status.type === 'live'
        ? { ...this.#status, ...common, progress: this.#isReady ? 1 : (this.#staging?.progress ?? 0) }
        : { ...this.#status, ...common };
    this.feed.status(status);
  }
}

function summary(prediction: Prediction): PredictionSummary {
  if (prediction.type === 'predicted') return { type: 'predicted', changedRows: prediction.changes.length };
  if (prediction.type === 'failing') return { type: 'failing', rejection: prediction.rejection };
  return { type: 'unpredicted', reason: prediction.reason };
}
