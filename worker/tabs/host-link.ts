/**
 * A page's way to its host, whichever that is at the moment: it remembers what the page has asked for, and asks for it
 * again when the host is another one.
 *
 * Law: every call of the page is made at each host until one has answered it, and takes effect once: it bears the page's
 * name and its number there, and a host takes up what an earlier one has kept. What the page asks before there is a host
 * waits for it.
 */

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
} from '../client/host-api.ts';

/** Finds a page a host, and another one when that is gone. */
export interface HostFinder {
  readonly start: (options: HostOptions, events: FinderEvents) => void;
  /** The page needs none any more. `lingers`: the host has just said what the pages of other tabs must hear as well. */
  readonly stop: (lingers: boolean) => Promise<void>;
}

export interface FinderEvents {
  /** Resolves when the page is open there. Rejects when that fails. */
  readonly found: (host: HostApi, options: HostOptions) => Promise<void>;
  readonly failed: (error: unknown) => void;
}

export class HostLink implements HostApi {
  readonly #finder: HostFinder;
  readonly #watches = new Map<number, WatchRequest>();
  readonly #watchedRows = new Set<number>();
  /** In the order in which they were made. */
  readonly #calls = new Map<number, HostCall>();
  /** Asked for, and not done yet: by each host until one has done it. */
  #forgetting: PromiseWithResolvers<void> | undefined;
  readonly #subscriptions = new Map<number, HostSubscription>();
  /** Given while a host is opening: it asks before it says that it is open. */
  readonly #answers: PageAnswer[] = [];
  #simulation: Simulation = {};
  #host: HostApi | undefined;
  #generation = 0;
  #isClosed = false;
  /** The host has wiped what it had. */
  #isForgotten = false;
  #failure: { readonly error: unknown } | undefined;

  constructor(finder: HostFinder) {
    this.#finder = finder;
  }

  /** Resolves with the first host; later ones are taken up as they are found. */
  open(options: HostOptions, listener: HostListener): Promise<void> {
    if (this.#isClosed) return Promise.resolve();
    return new Promise((resolve, reject) => {
      this.#finder.start(options, {
        found: async (host, hostOptions) => {
          await this.#attach(host, hostOptions, listener);
          resolve();
        },
        failed: (error) => {
          this.#failure = { error };
          this.#forgetting?.reject(error);
          reject(error);
        },
      });
    });
  }

  call(request: HostCall): void {
    this.#calls.set(request.handleId, request);
    this.#host?.call(request);
  }

  watch(request: WatchRequest): void {
    this.#watches.set(request.queryId, request);
    this.#host?.watch(request);
  }

  unwatch(queryId: number): void {
    this.#watches.delete(queryId);
    this.#host?.unwatch(queryId);
  }

  watchRows(tableId: number): void {
    this.#watchedRows.add(tableId);
    this.#host?.watchRows(tableId);
  }

  subscribe(request: HostSubscription): void {
    this.#subscriptions.set(request.subscriptionId, request);
    this.#host?.subscribe(request);
  }

  unsubscribe(subscriptionId: number): void {
    this.#subscriptions.delete(subscriptionId);
    this.#host?.unsubscribe(subscriptionId);
  }

  simulate(simulation: Simulation): void {
    this.#simulation = { ...this.#simulation, ...simulation };
    this.#host?.simulate(simulation);
  }

  wake(): void {
    this.#host?.wake();
  }

  async adopt(url: string): Promise<void> {
    await this.#host?.adopt(url);
  }

  answer(answer: PageAnswer): void {
    if (this.#host === undefined) this.#answers.push(answer);
    else this.#host.answer(answer);
  }

  forget(): Promise<void> {
    if (this.#failure !== undefined) return Promise.reject(this.#failure.error);
    if (this.#forgetting !== undefined) return this.#forgetting.promise;
    this.#forgetting = Promise.withResolvers<void>();
    const { promise } = this.#forgetting;
    if (this.#host !== undefined) this.#forgetAt(this.#host);
    return promise;
  }

  #forgetAt(host: HostApi): void {
    const [generation, asked] = [this.#generation, this.#forgetting];
    host.forget().then(asked?.resolve, (error: unknown) => {
      // Of a host that is gone the next one will do it.
      if (generation !== this.#generation || asked !== this.#forgetting) return;
      this.#forgetting = undefined;
      asked?.reject(error);
    });
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    this.#generation++;
    const host = this.#host;
    this.#host = undefined;
    await host?.close();
    await this.#finder.stop(this.#isForgotten);
  }

  async #attach(host: HostApi, options: HostOptions, listener: HostListener): Promise<void> {
    if (this.#isClosed) return;
    const generation = ++this.#generation;
    this.#host = undefined;
    await host.open(options, (events) => {
      if (generation === this.#generation) this.#heard(events, listener);
    });
    if (this.#isClosed || generation !== this.#generation) return void (await host.close());
    this.#host = host;
    if (this.#forgetting !== undefined) return this.#forgetAt(host);
    for (const request of this.#subscriptions.values()) host.subscribe(request);
    for (const request of this.#watches.values()) host.watch(request);
    for (const tableId of this.#watchedRows) host.watchRows(tableId);
    if (Object.keys(this.#simulation).length > 0) host.simulate(this.#simulation);
    const again = generation > 1;
    for (const request of this.#calls.values()) host.call({ ...request, again });
    for (const answer of this.#answers.splice(0)) host.answer(answer);
  }

  #heard(events: readonly HostEvent[], listener: HostListener): void {
    for (const event of events) {
      // Nobody after this is who made them.
      if (event.type === 'forgotten') {
        this.#isForgotten = true;
        this.#calls.clear();
      }
      if (event.type === 'call' && (event.progress.type === 'confirmed' || event.progress.type === 'rejected'))
        this.#calls.delete(event.handleId);
    }
    listener(events);
  }
}
