/**
 * A host as other threads and tabs reach it: through a message port each, or, from another tab, through broadcast
 * channels.
 *
 * Law: a page that is gone is let go of. Each page of another thread that shares this host holds a lock with its name as
 * long as it lives, so that even a crash is noticed.
 */

import { type Endpoint, expose } from 'comlink';
import type { HostApi, HostListener, HostOptions } from '../client/host-api.ts';
import { answerFollowers } from './followers.ts';
import { eventsChannel, pageChannel, pageLock } from './names.ts';
import { hearCalls, portOf, sendEvents } from './one-way.ts';

/** `HostApi`, and what is between the sides alone. */
export interface ExposedHost extends Omit<HostApi, 'open'> {
  /** Events go beside it: on the same port, or through the page's channel. */
  readonly open: (options: HostOptions) => Promise<void>;
  readonly life: () => Promise<Life>;
  readonly serve: (replica: string, version: string) => Promise<void>;
  readonly prepare: () => Promise<void>;
}

/** Who is at the other side of a port. */
export interface Life {
  /** A lock that it holds until it ends; empty where there are no locks. */
  readonly lock: string;
  readonly version: string;
}

export interface ExposeOptions {
  /** One page more. */
  readonly page: () => HostApi;
  readonly endpoint: Endpoint;
  /** Of the module, as `moduleVersion` gives it. */
  readonly version: string;
  /** The page has its first rows: there is time for what is not needed at once. */
  readonly ready: () => void;
  readonly prepare: () => Promise<void>;
}

export function exposeHost({ page: newPage, endpoint, version, ready, prepare }: ExposeOptions): void {
  const page = newPage();
  hearCalls(endpoint, page);
  const listener: HostListener = (events) => {
    sendEvents(endpoint, events);
    if (events.some((event) => event.type === 'status' && event.status.ready)) ready();
  };
  expose(exposed({ page, newPage, version, prepare, listener }), endpoint);
}

/** Makes a page of another tab one of this host's. The result lets go of it. */
export function exposeToTab(newPage: () => HostApi, replica: string, pageId: string, attempt: number): () => void {
  const calls = new BroadcastChannel(pageChannel(replica, pageId, attempt));
  const events = new BroadcastChannel(eventsChannel(replica, pageId, attempt));
  const page = newPage();
  let isOver = false;
  const tell: HostListener = (list) => {
    if (!isOver) events.postMessage(list);
  };
  const api: ExposedHost = {
    ...exposed({ page, newPage, version: '', prepare: async () => {}, listener: tell }),
    close: async () => {
      await page.close();
      // Once this has been answered. What is answered later is for nobody.
      setTimeout(() => {
        isOver = true;
        calls.close();
        events.close();
      });
    },
  };
  expose(
    api,
    portOf(calls, () => isOver),
  );
  const leave = (): void => void api.close();
  whenGone(pageId, leave);
  return leave;
}

interface ExposedOptions {
  readonly page: HostApi;
  /** One more, for another tab. */
  readonly newPage: () => HostApi;
  readonly version: string;
  readonly prepare: () => Promise<void>;
  readonly listener: HostListener;
}

function exposed({ page, newPage, version, prepare, listener }: ExposedOptions): ExposedHost {
  // comlink passes on the methods of a plain object; those of a class instance's prototype as well, but not bound.
  return {
    open: async (options) => {
      await page.open(options, listener);
      if (options.pageId !== '') whenGone(options.pageId, () => void page.close());
    },
    call: page.call.bind(page),
    watch: page.watch.bind(page),
    unwatch: page.unwatch.bind(page),
    watchRows: page.watchRows.bind(page),
    subscribe: page.subscribe.bind(page),
    unsubscribe: page.unsubscribe.bind(page),
    simulate: page.simulate.bind(page),
    wake: page.wake.bind(page),
    adopt: page.adopt.bind(page),
    answer: page.answer.bind(page),
    forget: page.forget.bind(page),
    close: page.close.bind(page),
    life: async () => ({ lock: await heldForLife(), version }),
    prepare,
    serve: async (replica, pageVersion) => {
      answerFollowers(replica, pageVersion, (pageId, attempt) => exposeToTab(newPage, replica, pageId, attempt));
    },
  };
}

let life: Promise<string> | undefined;

/** Gives the name of a lock that this thread holds until it ends. */
function heldForLife(): Promise<string> {
  const { locks } = navigator as { readonly locks?: LockManager };
  if (locks === undefined) return Promise.resolve('');
  life ??= new Promise((resolve) => {
    const name = `forerun worker ${crypto.getRandomValues(new Uint32Array(4)).join('-')}`;
    void locks.request(name, () => {
      resolve(name);
      return new Promise<never>(() => {});
    });
  });
  return life;
}

function whenGone(pageId: string, act: () => void): void {
  const { locks } = navigator as { readonly locks?: LockManager };
  void locks?.request(pageLock(pageId), act);
}
