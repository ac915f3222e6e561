/**
 * The host's loop: replica, prediction and connection of one client. The pages' calls, the authority's messages and
 * timers all come in as one kind of event, and `handle` is the one place that reacts.
 *
 * Law: everything that one event changes for a page leaves in one list, after the rows are right again.
 */

import { unreachable } from '../core/assert.ts';
import { type CallId, clientIdFromBytes, type ClientId, type Outcome, type Seq } from '../core/commit/call.ts';
import type { Engine } from '../core/engine/engine.ts';
import type { Environment } from '../core/environment.ts';
import { ForerunError } from '../core/errors.ts';
import type { ModuleDefinition } from '../core/module/definition.ts';
import type { HelloMessage, ServerMessage, WelcomeMessage } from '../core/protocol/messages.ts';
import type { Transport, TransportEvents } from '../core/protocol/transport.ts';
import { protocolVersion } from '../core/protocol/version.ts';
import { ConnectionId } from '../core/value/connection-id.ts';
import { Identity } from '../core/value/identity.ts';
import type { ClientStatus, HostCall, HostListener, HostOptions, Simulation, WatchRequest } from './client/host-api.ts';
import { Connection } from './connection/connection.ts';
import { OwnCalls } from './own-calls.ts';
import type { PageFeed } from './page-feed.ts';
import { Pages } from './pages.ts';
import type { ClientStore } from './persist/store.ts';
import type { ClientIds } from './predict/client-ids.ts';
import { Predictor } from './predict/predictor.ts';
import { SubscribedRows } from './subscribed-rows.ts';

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
  readonly store: ClientStore;
  readonly engine: Engine;
  readonly ids: ClientIds;
  /** Empty for someone new. */
  readonly token: string;
}

type Event =
  | { readonly type: 'call'; readonly page: PageFeed; readonly request: HostCall }
  | { readonly type: 'watch'; readonly page: PageFeed; readonly request: WatchRequest }
  | { readonly type: 'welcomed'; readonly welcome: WelcomeMessage }
  | { readonly type: 'received'; readonly messages: readonly ServerMessage[] }
  | { readonly type: 'lost'; readonly error: ForerunError; readonly retryMs: number | undefined }
  | { readonly type: 'adopt'; readonly definition: ModuleDefinition }
  | { readonly type: 'refresh' };

export class HostLoop {
  readonly #environment: Environment;
  readonly #store: ClientStore;
  readonly #engine: Engine;
  readonly #ids: ClientIds;
  readonly #predictor: Predictor;
  readonly #pages: Pages;
  readonly #calls: OwnCalls;
  readonly #rows: SubscribedRows;
  readonly #connection: Connection;
  #clientId: ClientId;
  #token: string;
  #identity: Identity | undefined;
  #connectionId: ConnectionId | null = null;
  #settledCallId = 0;
  #predicts = true;
  #status: ClientStatus = { type: 'connecting', ready: false, pending: 0, identity: undefined };
  #isClosed = false;

  constructor({ home, options, store, engine, ids, token }: HostParts) {
    const { definition, environment } = home;
    this.#environment = environment;
    this.#store = store;
    this.#engine = engine;
    this.#ids = ids;
    this.#token = token;
    // A new id for each start: no call of an earlier one can be taken for one of ours.
    this.#clientId = this.#newClientId();
    const predictor = new Predictor(engine, ids);
    const pages = new Pages({ engine, environment, wake: () => this.handle({ type: 'refresh' }) });
    this.#predictor = predictor;
    this.#pages = pages;
    this.#calls = new OwnCalls({ engine, predictor, pages, send: (message) => this.#connection.send(message) });
    this.#rows = new SubscribedRows({
      definition,
      engine,
      predictor,
      pages,
      events: {
        reconciled: (result) => this.#calls.reconciled(result),
        advanced: (seq, outcomes) => this.#advanced(seq, outcomes),
      },
    });
    this.#connection = new Connection({
      environment,
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
    this.#connection.start();
  }

  openPage(listener: HostListener): PageFeed {
    const page = this.#pages.open(listener);
    this.#emitStatus();
    page.deliver();
    return page;
  }

  /** Its calls go on, but nobody waits for them. */
  closePage(page: PageFeed): void {
    this.#calls.forget(page);
    this.#pages.close(page);
  }

  simulate({ latencyMs, offline, prediction }: Simulation): void {
    if (latencyMs !== undefined) this.#connection.simulateLatency(latencyMs);
    if (prediction !== undefined) this.#predicts = prediction;
    if (offline !== undefined) this.#connection.simulateOffline(offline);
  }

  close(): void {
    this.#isClosed = true;
    this.#connection.stop();
    this.#pages.closeAll();
    this.#engine.close();
    this.#store.close();
  }

  handle(event: Event): void {
    if (this.#isClosed) return;
    switch (event.type) {
      case 'call':
        this.#call(event.page, event.request);
        break;
      case 'watch':
        event.page.watch(event.request);
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
      case 'adopt':
        this.#adopt(event.definition);
        break;
      case 'refresh':
        this.#pages.refresh();
        break;
      default:
        unreachable(event);
    }
    this.#emitStatus();
    this.#pages.deliver();
  }

  /** New code while developing: what is pending runs again with it. Another shape is the page's to load anew. */
  #adopt(definition: ModuleDefinition): void {
    if (definition.hash !== this.#engine.definition.hash) return;
    this.#engine.adopt(definition);
    this.#calls.reconciled(this.#predictor.rerun());
    this.#pages.refresh();
  }

  #call(page: PageFeed, request: HostCall): void {
    this.#calls.make(page, request, {
      clientId: this.#clientId,
      timestampMicros: this.#connection.clock.arrivalMicros(),
      sender: this.#identity ?? Identity.zero(),
      connectionId: this.#connectionId,
      unpredicted: this.#whyUnpredicted(),
    });
    this.#pages.refresh();
  }

  #whyUnpredicted(): string | undefined {
    if (!this.#predicts) return 'Prediction is switched off.';
    if (this.#identity === undefined) return 'The authority has not told this client its identity yet.';
    return this.#rows.isReady ? undefined : 'The rows have not arrived yet.';
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
      moduleHash: this.#engine.definition.hash,
      clientId: this.#clientId,
      token: this.#token,
      position: this.#rows.position,
      settledCallId: this.#settledCallId as CallId,
      subscriptions: this.#rows.subscriptions,
    };
  }

  #welcomed(welcome: WelcomeMessage): void {
    this.#identity = new Identity(welcome.identity);
    this.#connectionId = new ConnectionId(welcome.connectionId);
    if (welcome.token !== '') {
      this.#token = welcome.token;
      void this.#store.putToken(welcome.token);
    }
    if (this.#rows.epoch !== welcome.epoch) this.#ids.forget();
    this.#rows.welcomed(welcome);
    this.#calls.sendAll();
    this.#status = { type: 'live', ready: this.#rows.isReady, pending: 0, identity: undefined, progress: 0 };
  }

  #lost(error: ForerunError, retryMs: number | undefined): void {
    this.#rows.lost();
    const common = { ready: this.#rows.isReady, pending: 0, identity: undefined };
    this.#status =
      retryMs === undefined
        ? { type: 'stopped', ...common, code: error.code, message: error.message }
        : { type: 'offline', ...common, retryMs, message: error.message };
  }

  #received(messages: readonly ServerMessage[]): void {
    const settledBefore = this.#settledCallId;
    for (const message of messages) this.#receive(message);
    // Whoever waits for a call finds what it did in the rows.
    if (this.#settledCallId === settledBefore) this.#pages.refreshSoon();
    else this.#pages.refresh();
  }

  #receive(message: ServerMessage): void {
    switch (message.type) {
      case 'batch':
      case 'snapshot':
      case 'applied':
        return this.#rows.receive(message);
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

  #advanced(seq: Seq, outcomes: readonly Outcome[]): void {
    const last = outcomes.at(-1);
    // A call that was answered twice may come late.
    if (last === undefined || last.callId <= this.#settledCallId) return;
    this.#settledCallId = last.callId;
    this.#connection.send({ type: 'acknowledge', seq, callId: last.callId });
  }

  #emitStatus(): void {
    const common = {
      ready: this.#rows.isReady,
      pending: this.#predictor.pending.size,
      identity: this.#identity?.toHexString(),
    };
    const status: ClientStatus =
      this.#status.type === 'live'
        ? { ...this.#status, ...common, progress: this.#rows.progress }
        : { ...this.#status, ...common };
    this.#pages.status(status);
  }
}
