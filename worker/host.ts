/** The host of one client, as its page sees it: `HostApi` over the loop, which starts when the page opens it. */

import { Engine } from '../core/engine/engine.ts';
import { ForerunError } from '../core/errors.ts';
import type { HostApi, HostCall, HostListener, HostOptions, Simulation, WatchRequest } from './client/host-api.ts';
import { type HostHome, HostLoop } from './host-loop.ts';
import { ClientIds } from './predict/client-ids.ts';

export class Host implements HostApi {
  readonly #home: HostHome;
  #loop: HostLoop | undefined;

  constructor(home: HostHome) {
    this.#home = home;
  }

  async open(options: HostOptions, listener: HostListener): Promise<void> {
    if (this.#loop !== undefined) throw new ForerunError('internal', 'A host is opened once.');
    const store = await this.#home.openStore(options.database);
    const ids = new ClientIds();
    const { definition } = this.#home;
    const engine = await Engine.open({
      definition,
      ids,
      recordReads: true,
      guard: options.guard,
      replicates: (table) => table.public,
    });
    const token = options.token ?? (await store.token());
    this.#loop = new HostLoop({ home: this.#home, options, listener, store, engine, ids, token });
    this.#loop.start();
  }

  call(request: HostCall): void {
    this.#opened().handle({ type: 'call', request });
  }

  watch(request: WatchRequest): void {
    this.#opened().handle({ type: 'watch', request });
  }

  unwatch(queryId: number): void {
    this.#opened().feed.unwatch(queryId);
  }

  watchRows(tableId: number): void {
    this.#opened().feed.watchRows(tableId);
  }

  simulate(simulation: Simulation): void {
    this.#opened().simulate(simulation);
  }

  async close(): Promise<void> {
    this.#loop?.close();
    this.#loop = undefined;
  }

  #opened(): HostLoop {
    if (this.#loop === undefined) throw new ForerunError('client-closed', 'This client is closed, or not open yet.');
    return this.#loop;
  }
}
