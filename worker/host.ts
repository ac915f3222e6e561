/**
 * The host of a module's databases on this device: it opens replica and connection of each for the first page that comes,
 * and lets go of them when the last one has gone. Each page has a `HostApi` of its own.
 */

import { ForerunError } from '../core/errors.ts';
import type { Late } from '../core/late.ts';
import type { ModuleExports } from '../core/module/module.ts';
import type {
  HostApi,
  HostCall,
  HostEvent,
  HostListener,
  HostOptions,
  HostSubscription,
  PageAnswer,
  Simulation,
  WatchRequest,
} from './client/host-api.ts';
import { type EarlyTransport, earlyTransport } from './connection/early-transport.ts';
import { type HostHome, HostLoop } from './host-loop.ts';
import { load, neededByModule, neededByQuery, neededBySubscriptions } from './late-code.ts';
import type { PageFeed } from './page-feed.ts';
import { startOf } from './start.ts';

interface Running {
  readonly pages: Set<HostPage>;
  readonly early: Promise<EarlyTransport>;
  readonly loop: Promise<HostLoop>;
}

export class Host {
  readonly #home: Promise<HostHome>;
  readonly #loops = new Map<string, Running>();
  /** Whoever comes meanwhile waits for its end. */
  readonly #wiping = new Map<string, Promise<void>>();

  /** A home that can't be had is told to each page that opens. */
  constructor(home: HostHome | Promise<HostHome>) {
    this.#home = Promise.resolve(home);
    this.#home.catch(() => {});
  }

  /** For one page more. */
  page(): HostApi {
    return new HostPage({
      enter: (page, options) => this.#enter(page, options),
      leave: (page) => this.#leave(page),
      forget: (loop) => this.#forget(loop),
    });
  }

  /** Starts a client of nobody and ends it, by which all that a start needs is loaded and compiled. */
  async prepare(): Promise<void> {
    const options: HostOptions = {
      url: '',
      replica: '',
      storage: 'memory',
      token: undefined,
      guard: false,
      pageId: '',
      subscribe: 'all',
    };
    const home = await this.#home;
    await load(neededByModule(home.definition));
    new HostLoop(home, options, await startOf(home, options)).end();
  }

  /** Lets go of everything at once, with nothing kept that is not kept yet: another tab has taken over. */
  end(): void {
    for (const { loop, early } of this.#loops.values()) {
      closeUnused(early);
      loop.then((each) => each.end()).catch(() => {});
    }
    this.#loops.clear();
  }

  async #enter(page: HostPage, options: HostOptions): Promise<HostLoop> {
    const wiping = this.#wiping.get(options.replica);
    if (wiping !== undefined) await wiping.catch(() => {});
    let running = this.#loops.get(options.replica);
    if (running === undefined) {
      const early = this.#home.then(({ connect }) => earlyTransport(connect, options.url));
      early.catch(() => {});
      running = { pages: new Set(), early, loop: this.#start(options, early) };
      this.#loops.set(options.replica, running);
    }
    running.pages.add(page);
    const loop = await running.loop;
    if (!loop.isClosed) return loop;
    // Another host has wiped what it had.
    closeUnused(running.early);
    if (this.#loops.get(options.replica) === running) this.#loops.delete(options.replica);
    return this.#enter(page, options);
  }

  async #forget(loop: HostLoop): Promise<void> {
    const wiping = loop.forget();
    this.#wiping.set(loop.replica, wiping);
    await wiping.finally(() => this.#wiping.delete(loop.replica));
  }

  async #leave(page: HostPage): Promise<void> {
    for (const [replica, { pages, early, loop }] of this.#loops) {
      if (!pages.delete(page) || pages.size > 0) continue;
      this.#loops.delete(replica);
      // Of a loop that no page has opened.
      closeUnused(early);
      await (await loop.catch(() => undefined))?.close();
    }
  }

  /** Its connection is made when the first page is open, whose subscriptions the greeting has. */
  async #start(options: HostOptions, early: Promise<EarlyTransport>): Promise<HostLoop> {
    const home = { ...(await this.#home), connect: (await early).connect };
    await load(neededByModule(home.definition));
    return new HostLoop(home, options, await startOf(home, options));
  }
}

/** Of a loop that has not taken it, and never will. */
function closeUnused(early: Promise<EarlyTransport>): void {
  early.then((transport) => transport.close()).catch(() => {});
}

interface HostPageOptions {
  readonly enter: (page: HostPage, options: HostOptions) => Promise<HostLoop>;
  readonly leave: (page: HostPage) => Promise<void>;
  readonly forget: (loop: HostLoop) => Promise<void>;
}

class HostPage implements HostApi {
  readonly #options: HostPageOptions;
  #opened: { readonly loop: HostLoop; readonly feed: PageFeed } | undefined;
  #isOpening = false;
  /** While code is loaded for what the page has asked, what it asks after that waits. */
  #loading: Promise<void> | undefined;

  constructor(options: HostPageOptions) {
    this.#options = options;
  }

  async open(options: HostOptions, listener: HostListener): Promise<void> {
    if (this.#isOpening) throw new ForerunError('internal', 'A page opens its host once.');
    this.#isOpening = true;
    if (options.subscribe !== 'all') await load(neededBySubscriptions(options.subscribe));
    const loop = await this.#options.enter(this, options);
    if (!this.#isOpening) return this.#options.leave(this);
    const feed = loop.openPage(listener, options);
    loop.start();
    this.#opened = { loop, feed };
    loop.greet(feed);
  }

  call(request: HostCall): void {
    const { loop, feed } = this.#whenOpen();
    loop.handle({ type: 'call', page: feed, request });
  }

  watch(request: WatchRequest): void {
    const { loop, feed } = this.#whenOpen();
    const { queryId, source } = request;
    this.#whenHere(
      neededByQuery(source),
      () => loop.handle({ type: 'watch', page: feed, request }),
      (message) => ({ type: 'queryFailed', queryId, message, detail: undefined }),
    );
  }

  unwatch(queryId: number): void {
    const { feed } = this.#whenOpen();
    this.#whenHere([], () => feed.unwatch(queryId));
  }

  watchRows(tableId: number): void {
    this.#whenOpen().feed.watchRows(tableId);
  }

  subscribe(request: HostSubscription): void {
    const { loop, feed } = this.#whenOpen();
    const { subscriptionId, queries } = request;
    this.#whenHere(
      neededBySubscriptions(queries),
      () => loop.handle({ type: 'subscribe', page: feed, request }),
      (message) => ({ type: 'subscription', subscriptionId, state: 'failed', message }),
    );
  }

  unsubscribe(subscriptionId: number): void {
    const { loop, feed } = this.#whenOpen();
    this.#whenHere([], () => loop.handle({ type: 'unsubscribe', page: feed, subscriptionId }));
  }

  simulate(simulation: Simulation): void {
    this.#whenOpen().loop.simulate(simulation);
  }

  wake(): void {
    this.#opened?.loop.wake();
  }

  async adopt(url: string): Promise<void> {
    const module: ModuleExports = await import(/* @vite-ignore */ url);
    const { defineModule } = await import('../core/module/module.ts');
    this.#opened?.loop.handle({ type: 'adopt', definition: defineModule(module) });
  }

  answer(answer: PageAnswer): void {
    this.#whenOpen().loop.handle({ type: 'answer', answer });
  }

  async forget(): Promise<void> {
    await this.#options.forget(this.#whenOpen().loop);
  }

  async close(): Promise<void> {
    this.#isOpening = false;
    const opened = this.#opened;
    this.#opened = undefined;
    if (opened !== undefined) opened.loop.closePage(opened.feed);
    await this.#options.leave(this);
  }

  /** In the order in which they were asked. A page without the network may lack the code for a query: it is told so. */
  #whenHere(needed: readonly Late<unknown>[], act: () => void, failed?: (message: string) => HostEvent): void {
    if (this.#loading === undefined && needed.every(({ isHere }) => isHere)) return act();
    const opened = this.#opened;
    const loading = (this.#loading ?? Promise.resolve())
      .then(() => load(needed))
      .then(
        () => {
          if (this.#opened === opened) act();
        },
        (error: unknown) => {
          if (this.#opened !== opened || opened === undefined || failed === undefined) return;
          opened.feed.push(failed(`The code for this query could not be loaded: ${String(error)}`));
          opened.feed.deliver();
        },
      )
      .finally(() => {
        if (this.#loading === loading) this.#loading = undefined;
      });
    this.#loading = loading;
  }

  #whenOpen(): { readonly loop: HostLoop; readonly feed: PageFeed } {
    if (this.#opened === undefined) throw new ForerunError('client-closed', 'This client is closed, or not open yet.');
    return this.#opened;
  }
}
