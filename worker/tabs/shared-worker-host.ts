/**
 * A page whose host runs in a shared worker, with the pages of the other tabs.
 *
 * Law: the worker holds a lock as long as it lives. A page that is given this lock knows that the worker is gone, and asks
 * for another one, which the pages of all tabs find together.
 */

import { tabLockMsMax } from '../../core/limits.ts';
import type { HostOptions } from '../client/host-api.ts';
import type { FinderEvents, HostFinder } from './host-link.ts';
import { holdPageLock } from './page-lock.ts';
import { type RemoteHost, remoteHost } from './remote-host.ts';

export interface SharedWorkerHostOptions {
  readonly worker: () => SharedWorker;
  /** When it can't be started, or is of another version. */
  readonly otherwise: (page: HostOptions) => HostFinder;
  /** Of the module, as `moduleVersion` gives it. */
  readonly version: string;
}

export class SharedWorkerHost implements HostFinder {
  readonly #options: SharedWorkerHostOptions;
  #remote: RemoteHost | undefined;
  #otherwise: HostFinder | undefined;
  #releasePage: () => void = () => {};
  #waiting = new AbortController();
  #isStopped = false;

  constructor(options: SharedWorkerHostOptions) {
    this.#options = options;
  }

  start(page: HostOptions, events: FinderEvents): void {
    holdPageLock(page.pageId).then((release) => {
      this.#releasePage = release;
      this.#connect(page, events);
    }, events.failed);
  }

  async stop(lingers: boolean): Promise<void> {
    this.#isStopped = true;
    this.#waiting.abort();
    await this.#otherwise?.stop(lingers);
    this.#remote?.release();
    this.#releasePage();
  }

  #connect(page: HostOptions, events: FinderEvents): void {
    if (this.#isStopped) return;
    const worker = this.#options.worker();
    const broken = new Promise<never>((_, reject) => {
      worker.addEventListener('error', () => reject(new Error('the shared worker did not start')));
    });
    broken.catch(() => {});
    worker.port.start();
    const remote = remoteHost(worker.port, broken);
    this.#remote = remote;
    Promise.race([remote.life(), broken])
      .then(async ({ lock, version }) => {
        if (version !== this.#options.version) return this.#outlive(lock, page, events);
        this.#whenGone(lock, () => this.#connect(page, events));
        await events.found(remote.host, page);
      })
      .catch((error: unknown) => this.#fail(error, page, events));
  }

  /** The worker of pages that were open before the module changed: when they are gone, so is it. */
  #outlive(lock: string, page: HostOptions, events: FinderEvents): void {
    const timer = setTimeout(() => {
      this.#waiting.abort();
      const unavailable = 'an older version of this app is open in another tab, close it and reload this one';
      this.#change({ ...page, storage: { unavailable } }, events);
    }, tabLockMsMax);
    this.#whenGone(lock, () => {
      clearTimeout(timer);
      this.#connect(page, events);
    });
  }

  #whenGone(name: string, act: () => void): void {
    if (name === '') return;
    this.#waiting = new AbortController();
    navigator.locks.request(name, { mode: 'shared', signal: this.#waiting.signal }, act).catch(() => {});
  }

  /** An error of ours is the host's answer; any other says that there is none. */
  #fail(error: unknown, page: HostOptions, events: FinderEvents): void {
    if (this.#isStopped || this.#otherwise !== undefined) return;
    if (error instanceof Error && error.message !== 'the shared worker did not start') return events.failed(error);
    this.#waiting.abort();
    this.#change(page, events);
  }

  #change(page: HostOptions, events: FinderEvents): void {
    this.#releasePage();
    this.#otherwise = this.#options.otherwise(page);
    this.#otherwise.start(page, events);
  }
}
