/**
 * The host's loop: replica, prediction and connection of one client. The pages' calls, the authority's messages and
 * timers all come in as one kind of event, and `handle` is the one place that reacts.
 *
 * Law: everything that one event changes for a page leaves in one list, after the rows are right again.
 */

import { unreachable } from '../core/assert.ts';
import type { CallId, Outcome, Seq } from '../core/commit/call.ts';
import type { RowChange } from '../core/commit/row-change.ts';
import type { Engine } from '../core/engine/engine.ts';
import type { ErrorCode, ForerunError } from '../core/errors.ts';
import type { ModuleDefinition } from '../core/module/definition.ts';
import type { HelloMessage, ServerMessage, WelcomeMessage } from '../core/protocol/messages.ts';
import type { Transport, TransportEvents } from '../core/protocol/transport.ts';
import { protocolVersion } from '../core/protocol/version.ts';
import { Identity } from '../core/value/identity.ts';
import { AnsweredCalls } from './answered-calls.ts';
import type { HostCall, HostListener, HostOptions, Simulation } from './client/host-api.ts';
import { AuthorityModule } from './connection/authority-module.ts';
import { Connection } from './connection/connection.ts';
import { Credentials } from './credentials.ts';
import { Device, type DeviceOptions } from './device.ts';
import type { LoopEvent } from './host-event.ts';
import { HostStatus } from './host-status.ts';
import { aloneMs } from './ephemeral-rows.ts';
import { Inbox } from './inbox.ts';
import { OwnCalls } from './own-calls.ts';
import type { PageFeed } from './page-feed.ts';
import { Pages } from './pages.ts';
import type { ClientIds } from './predict/client-ids.ts';
import { Predictor } from './predict/predictor.ts';
import { Review } from './review.ts';
import { type HostStart, type StartHome, storePlace, strangersReplica } from './start.ts';
import { SubscribedRows } from './subscribed-rows.ts';
import { Wiping } from './wiping.ts';

/** What the host needs of its home. */
export interface HostHome extends StartHome {
  readonly connect: (url: string, events: TransportEvents & { readonly opened: () => void }) => Transport;
}

export class HostLoop {
  readonly replica: string;
  readonly #home: HostHome;
  readonly #wiping: Wiping;
  readonly #engine: Engine;
  readonly #ids: ClientIds;
  readonly #predictor: Predictor;
  readonly #pages: Pages;
  readonly #answered: AnsweredCalls;
  readonly #calls: OwnCalls;
  readonly #rows: SubscribedRows;
  readonly #inbox: Inbox;
  readonly #connection: Connection;
  readonly #device: Device;
  readonly #review: Review;
  readonly #credentials: Credentials;
  readonly #authorityModule: AuthorityModule;
  #settledCallId: number;
  #predicts = true;
  readonly #status = new HostStatus();
  #isClosed = false;

  constructor(home: HostHome, options: HostOptions, start: HostStart) {
    const { environment, definition } = home;
    const { engine, ids } = start;
    const place = storePlace(options);
    this.replica = options.replica;
    this.#home = home;
    this.#engine = engine;
    this.#ids = ids;
    this.#credentials = new Credentials(start, environment);
    this.#authorityModule = new AuthorityModule(definition, (tableId) => engine.shape(tableId));
    this.#settledCallId = start.settledCallId;
    const predictor = (this.#predictor = new Predictor(engine, ids, 'selective', start.coverage));
    const pages = (this.#pages = new Pages({ engine, environment, wake: () => this.handle({ type: 'refresh' }) }));
    this.#answered = new AnsweredCalls(environment.clock, start.answered);
    this.#calls = new OwnCalls({
      engine,
      predictor,
      pages,
      coverage: start.coverage,
      scheduler: environment.scheduler,
      answered: this.#answered,
      isLive: () => this.#connection.isLive,
      send: (message) => this.#connection.send(message),
      keep: (call) => this.#device.keep(call),
      keepAnew: (from, calls) => this.#device.keepAnew(from, calls),
      keepUnheard: (from) => this.#device.keepUnheard(from),
    });
    this.#rows = new SubscribedRows({
      definition,
      engine,
      predictor,
      pages,
      coverage: start.coverage,
      send: (message) => this.#connection.send(message),
      environment,
      restart: () => this.#connection.restart(),
      events: {
        reconciled: (result) => this.#calls.reconciled(result),
        advanced: (seq, outcomes, changes) => this.#advanced(seq, outcomes, changes),
      },
    });
    this.#inbox = new Inbox({
      environment,
      receive: (message) => this.#receive(message),
      goOn: (hasTime) => this.#rows.goOn(hasTime),
      wake: () => this.handle({ type: 'received', messages: [] }),
    });
    this.#connection = new Connection({
      environment,
      connect: (events) => home.connect(options.url, events),
      hello: () => this.#hello(),
      module: this.#authorityModule,
      proposedMicros: start.calls.at(-1)?.call.proposedMicros,
      events: {
        welcomed: (welcome) => this.handle({ type: 'welcomed', welcome }),
        received: (messages) => this.handle({ type: 'received', messages }),
        lost: (error, retryMs) => this.handle({ type: 'lost', error, retryMs }),
      },
    });
    this.#device = new Device({
      start,
      environment,
      predictor,
      state: () => this.#state(),
      reopen: async () => (place === undefined ? undefined : home.openStore(place)),
      events: {
        stored: (callId) => this.handle({ type: 'stored', callId }),
        settled: (callId) => this.handle({ type: 'settled', callId }),
        unkept: (error) => this.handle({ type: 'unkept', error }),
      },
    });
    const [calls, device] = [this.#calls, this.#device];
    this.#review = new Review({ isOpen: start.isToBeReviewed, calls, device, pages });
    this.#wiping = new Wiping({
      replica: options.replica,
      device: this.#device,
      // Who keeps nothing has nothing that another one could wipe.
      news: place === undefined ? undefined : home.wipes,
      stop: (code, message) => this.#stop(code, message),
      wiped: () => this.#forgotten(),
    });
    this.#restore(start);
  }

  get isClosed(): boolean {
    return this.#isClosed;
  }

  readonly start = (): void => this.#connection.start();
  readonly wake = (): void => this.#connection.retryNow();

  openPage(listener: HostListener, { pageId, subscribe }: HostOptions): PageFeed {
    const page = this.#pages.open(listener, pageId);
    this.#rows.subscriptions.opening(page, subscribe);
    return page;
  }

  /** Tells a page that has opened how it stands. */
  greet(page: PageFeed): void {
    this.#emitStatus();
    this.#review.greet(page);
    page.deliver();
  }

  /** Its calls go on, but nobody waits for them. */
  closePage(page: PageFeed): void {
    this.#calls.forget(page);
    this.#rows.subscriptions.forget(page);
    this.#pages.close(page);
  }

  simulate({ latencyMs, offline, prediction }: Simulation): void {
    if (latencyMs !== undefined) this.#connection.simulateLatency(latencyMs);
    if (prediction !== undefined) this.#predicts = prediction;
    if (offline !== undefined) this.#connection.simulateOffline(offline);
  }

  /** Resolves when everything is kept that can be. */
  async close(): Promise<void> {
    if (this.#isClosed) return;
    this.#connection.stop();
    this.#complete();
    await this.#device.flush();
    this.end();
  }

  /** Nothing of this client is left on the device, and its pages are told so. */
  async forget(): Promise<void> {
    if (!this.#isClosed) await this.#wiping.wipe().finally(() => this.handle({ type: 'refresh' }));
  }

  #forgotten(): void {
    if (this.#isClosed) return;
    this.#pages.push({ type: 'forgotten' });
    this.#pages.deliver();
    this.end();
  }

  handle(event: LoopEvent): void {
    if (this.#isClosed) return;
    this.#react(event);
    if (this.#predictor.isBusy) this.#pages.interrupt();
    this.#emitStatus();
    this.#pages.deliver();
  }

  #react(event: LoopEvent): void {
    switch (event.type) {
      case 'call':
        this.#inbox.hurry();
        return this.#predictor.showing(() => this.#call(event.page, event.request));
      case 'watch':
        return this.#predictor.showing(() => event.page.watch(event.request));
      case 'answer':
        this.#inbox.finish();
        this.#review.answer(event.answer);
        return this.#pages.refresh();
      case 'subscribe':
        return this.#rows.subscriptions.want(event.page, event.request);
      case 'unsubscribe':
        return this.#rows.subscriptions.unwant(event.page, event.subscriptionId);
      case 'welcomed':
        return this.#welcomed(event.welcome);
      case 'received':
        this.#inbox.push(event.messages);
        return this.#work();
      case 'lost':
        return this.#lost(event.error, event.retryMs);
      case 'stored':
        return this.#calls.stored(event.callId);
      case 'settled':
        return this.#acknowledge(event.callId);
      case 'unkept':
        return this.#unkept(event.error);
      case 'adopt':
        return this.#adopt(event.definition);
      case 'alone':
        if (!this.#status.isLive) this.#inbox.push(this.#rows.ephemeralIsOld());
        return this.#work();
      case 'refresh':
        return this.#predictor.showing(() => this.#pages.refresh());
      default:
        return unreachable(event);
    }
  }

  /** At once; what is not kept yet is not kept. */
  end(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#connection.stop();
    this.#wiping.stop();
    this.#device.close();
    this.#pages.closeAll();
    this.#rows.close();
    this.#engine.close();
  }

  #state(): ReturnType<DeviceOptions['state']> {
    return {
      clientId: this.#credentials.clientId,
      identity: this.#credentials.identity?.toHexString(),
      hasRows: this.#rows.isReady,
      epoch: this.#rows.position?.epoch,
      seq: this.#rows.position?.seq,
      settledCallId: this.#settledCallId as CallId,
      answered: this.#answered.recent,
      subscriptions: this.#rows.subscriptions.here,
      ids: this.#ids.snapshot(),
      moduleHash: this.#engine.definition.hash,
      databaseIdentity: this.#engine.databaseIdentity.toHexString(),
    };
  }

  /** Rows and calls of the last start. */
  #restore({ hasRows, position, subscriptions, calls, lastCallId, unheardFrom, rows }: HostStart): void {
    if (hasRows) this.#rows.restore(position, subscriptions);
    this.#calls.restore(calls, { lastCallId, unheardFrom }, this.#whyUnpredicted());
    this.#device.changed(hasRows && !rows.hasImage ? 'all' : []);
  }

  #call(page: PageFeed, request: HostCall): void {
    const { clientId, identity, connectionId } = this.#credentials;
    this.#calls.make(page, request, {
      clientId,
      timestampMicros: this.#connection.proposal(),
      sender: identity ?? Identity.zero(),
      connectionId,
      unpredicted: this.#whyUnpredicted(),
    });
    this.#pages.refresh();
  }

  #whyUnpredicted(): string | undefined {
    if (!this.#predicts) return 'Prediction is switched off.';
    if (this.#credentials.identity === undefined) return 'The authority has not told this client its identity yet.';
    return this.#rows.isReady ? undefined : 'The rows have not arrived yet.';
  }

  #hello(): HelloMessage {
    // It says where this client is, which must not be the middle of something.
    this.#complete();
    return {
      type: 'hello',
      version: protocolVersion,
      moduleHash: this.#authorityModule.hash,
      ...this.#credentials.present(),
      position: this.#rows.position,
      settledCallId: this.#device.toAcknowledge(this.#settledCallId as CallId),
      subscriptions: this.#rows.greeting(),
    };
  }

  #welcomed(welcome: WelcomeMessage): void {
    const who = this.#credentials.welcomed(welcome);
    // They would send what another has done.
    if (who === 'stranger') return this.#stop('token-invalid', strangersReplica);
    if (who === 'introduced') {
      this.#device.introduced(welcome.token);
      this.#calls.introduced(this.#credentials);
    }
    if (this.#rows.epoch !== welcome.epoch) this.#ids.forget();
    this.#rows.welcomed(welcome);
    this.#inbox.push([welcome]);
    this.#review.welcomed(welcome.lastCallId);
    this.#calls.sendAll();
    this.#device.changed([]);
    this.#status.live();
    this.#work();
  }

  #stop(code: ErrorCode, message: string): void {
    this.#connection.stop();
    this.#status.stopped(code, message);
  }

  #lost(error: ForerunError, retryMs: number | undefined): void {
    this.#inbox.clear();
    this.#rows.lost();
    if (this.#status.isLive) this.#home.environment.scheduler.after(aloneMs, () => this.handle({ type: 'alone' }));
    this.#status.lost(error, retryMs);
  }

  #work(): void {
    const settledBefore = this.#settledCallId;
    this.#inbox.work(() => this.#pages.refreshSoon());
    // Whoever waits for a call finds what it did in the rows.
    if (this.#settledCallId !== settledBefore) this.#predictor.showing(() => this.#pages.refresh());
    else if (!this.#predictor.isBusy) this.#pages.refreshSoon();
  }

  /** Ends what is under way, however long it takes. */
  #complete(): void {
    if (!this.#inbox.isBusy) return;
    this.#inbox.finish();
    this.handle({ type: 'refresh' });
  }

  #receive(message: ServerMessage): void {
    switch (message.type) {
      case 'lease':
        this.#ids.lend(message.tableId, message.column, message.from, message.to);
        return this.#device.changed([]);
      case 'module':
      case 'pong':
      case 'error':
        return; // The connection keeps these to itself.
      default:
        if (message.type === 'batch') this.#connection.learnTimes(message.commits, this.#predictor.pending);
        return this.#rows.receive(message);
    }
  }

  #advanced(seq: Seq, outcomes: readonly Outcome[], changes: readonly RowChange[] | 'all'): void {
    this.#device.changed(changes);
    const last = outcomes.at(-1);
    // A call that was answered twice may come late.
    if (last === undefined || last.callId <= this.#settledCallId) return;
    this.#settledCallId = last.callId;
    // What a reload would ask for again must not be forgotten there.
    if (this.#device.isForgetful) this.#connection.send({ type: 'acknowledge', seq, callId: last.callId });
  }

  #acknowledge(callId: CallId): void {
    const seq = this.#rows.position?.seq;
    if (seq !== undefined && callId > 0) this.#connection.send({ type: 'acknowledge', seq, callId });
  }

  #unkept(error: ForerunError): void {
    if (error.code === 'replica-taken') return this.#stop(error.code, error.message);
    this.#calls.unkept();
  }

  /** New code while developing: what is pending runs again with it. Another shape is the page's to load anew. */
  #adopt(definition: ModuleDefinition): void {
    if (definition.hash !== this.#engine.definition.hash) return;
    this.#inbox.finish();
    this.#engine.adopt(definition);
    this.#calls.reconciled(this.#predictor.rerun());
    this.#pages.refresh();
  }

  #emitStatus(): void {
    this.#pages.status(
      this.#status.with(
        {
          ready: this.#rows.isReady,
          pending: this.#calls.waitingCount,
          identity: this.#credentials.identity?.toHexString(),
          storage: this.#device.storage,
        },
        { progress: this.#rows.progress, otherModule: this.#authorityModule.difference },
      ),
    );
  }
}
