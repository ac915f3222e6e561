/**
 * Where a page's host is to be found: shared with the other tabs if that can be, in a shared worker or in the tab that
 * leads; else the page's own, in a worker or in process.
 */

import type { ModuleExports } from '../../core/module/module.ts';
import type { HostApi, HostOptions } from '../client/host-api.ts';
import type { HostFinder } from './host-link.ts';
import type { LeaderTabOptions, OwnHost } from './leader-tab.ts';
import { moduleVersion } from './module-version.ts';
import { ownWorker } from './own-worker.ts';
import { SharedWorkerHost } from './shared-worker-host.ts';

export interface WorkerFactories {
  readonly worker?: (() => Worker) | undefined;
  readonly sharedWorker?: (() => SharedWorker) | undefined;
}

export interface FindHostOptions {
  readonly module: ModuleExports;
  readonly factories: WorkerFactories;
  readonly storage: HostOptions['storage'];
}

export function findHost({ module, factories, storage }: FindHostOptions): HostFinder {
  const { worker, sharedWorker } = factories;
  const own = (): OwnHost => (worker === undefined ? inProcess(module) : ownWorker(worker()));
  const isKept = storage === 'device' || storage === 'durable';
  if (!isKept || typeof indexedDB === 'undefined') return new OwnFinder(own);
  const { locks } = navigator as { readonly locks?: LockManager };
  const canLead = typeof BroadcastChannel !== 'undefined' && locks !== undefined;
  const version = moduleVersion(module);
  const alone = (page: HostOptions): HostFinder =>
    canLead && typeof page.storage === 'string' ? leading({ own, version }) : new OwnFinder(own);
  if (sharedWorker !== undefined && typeof SharedWorker !== 'undefined')
    return new SharedWorkerHost({ worker: sharedWorker, otherwise: alone, version });
  return canLead ? leading({ own, version }) : new OwnFinder(own, withoutLocks);
}

const withoutLocks =
  'tabs can not share it here, since the page is not a secure context (https, or localhost) or the browser is old';

/** Loaded where there is no shared worker, so that pages with one don't carry it. */
function leading(options: LeaderTabOptions): HostFinder {
  const loading = import('./leader-tab.ts').then(({ LeaderTab }) => new LeaderTab(options));
  loading.catch(() => {});
  let isStopped = false;
  return {
    start: (page, events) => {
      loading.then((tab) => {
        if (!isStopped) tab.start(page, events);
      }, events.failed);
    },
    stop: async (lingers) => {
      isStopped = true;
      const tab = await loading.catch(() => undefined);
      await tab?.stop(lingers);
    },
  };
}

/** The page's own host, for as long as it lives. */
class OwnFinder implements HostFinder {
  readonly #make: () => OwnHost;
  readonly #unavailable: string | undefined;
  #own: OwnHost | undefined;

  constructor(make: () => OwnHost, unavailable?: string) {
    this.#make = make;
    this.#unavailable = unavailable;
  }

  start(page: HostOptions, events: Parameters<HostFinder['start']>[1]): void {
    const own = this.#make();
    this.#own = own;
    const storage = this.#unavailable === undefined ? page.storage : { unavailable: this.#unavailable };
    events.found(own.host, { ...page, storage, pageId: '' }).catch((error: unknown) => events.failed(error));
  }

  async stop(): Promise<void> {
    this.#own?.end();
  }
}

function inProcess(module: ModuleExports): OwnHost {
  // Loaded when needed, so that pages with a worker don't carry the engine twice.
  const loading = import('./in-page.ts').then(({ inPage }) => inPage(module));
  const page = loading.then(({ host }) => host);
  let opened: HostApi | undefined;
  return {
    host: {
      open: async (options, listener) => {
        const host = await page;
        await host.open(options, listener);
        opened = host;
      },
      call: (request) => opened?.call(request),
      watch: (request) => opened?.watch(request),
      unwatch: (queryId) => opened?.unwatch(queryId),
      watchRows: (tableId) => opened?.watchRows(tableId),
      subscribe: (request) => opened?.subscribe(request),
      unsubscribe: (subscriptionId) => opened?.unsubscribe(subscriptionId),
      simulate: (simulation) => opened?.simulate(simulation),
      wake: () => opened?.wake(),
      adopt: async (url) => (await page).adopt(url),
      answer: (answer) => opened?.answer(answer),
      forget: async () => (await page).forget(),
      // Of a page that never began, its refusal has been told.
      close: async () => (await page.catch(() => undefined))?.close(),
    },
    life: async () => ({ lock: '', version: '' }),
    serve: async (replica, version) => (await loading).serve(replica, version),
    prepare: async () => (await loading).prepare(),
    release: () => {},
    end: () => void loading.then(({ end }) => end()),
  };
}
