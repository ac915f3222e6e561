/**
 * A host on the other side of a message port, as its page sees it; and what the other side does to be reached. Together
 * with `exposed-host.ts` the door to comlink.
 */

import { type Endpoint, releaseProxy, wrap } from 'comlink';
import type { HostApi, HostListener } from '../client/host-api.ts';
import type { ExposedHost, Life } from './exposed-host.ts';
import { eventsChannel, pageChannel } from './names.ts';
import { hearEvents, portOf, sendCall } from './one-way.ts';

export interface RemoteHost {
  readonly host: HostApi;
  readonly life: () => Promise<Life>;
  /** Has the other side take pages of other tabs, which find it through this replica's channel. */
  readonly serve: (replica: string, version: string) => Promise<void>;
  /** Loads what a host needs before there is one. */
  readonly prepare: () => Promise<void>;
  readonly release: () => void;
}

/** `broken` rejects when the other side will never answer. */
export function remoteHost(endpoint: Endpoint, broken: Promise<never>): RemoteHost {
  const remote = wrap<ExposedHost>(endpoint);
  let stopHearing = (): void => {};
  const open: HostApi['open'] = (options, listener) => {
    stopHearing();
    stopHearing = hearEvents(endpoint, listener);
    return remote.open(options);
  };
  return {
    host: { ...hostOf(remote, open, broken), call: (request) => sendCall(endpoint, request) },
    life: () => remote.life(),
    serve: (replica, version) => remote.serve(replica, version),
    prepare: () => remote.prepare(),
    release: () => {
      stopHearing();
      remote[releaseProxy]();
    },
  };
}

/** The host of another tab. Callbacks can't cross a broadcast channel, so events have one of their own. */
export function channelHost(replica: string, pageId: string, attempt: number): Pick<RemoteHost, 'host' | 'release'> {
  const calls = new BroadcastChannel(pageChannel(replica, pageId, attempt));
  const events = new BroadcastChannel(eventsChannel(replica, pageId, attempt));
  const remote = wrap<ExposedHost>(portOf(calls));
  const open = async (options: Parameters<HostApi['open']>[0], listener: HostListener): Promise<void> => {
    events.onmessage = ({ data }) => listener(data);
    await remote.open(options);
  };
  return {
    host: hostOf(remote, open, new Promise<never>(() => {})),
    release: () => {
      calls.close();
      events.close();
    },
  };
}

type Remote = ReturnType<typeof wrap<ExposedHost>>;

function hostOf(remote: Remote, open: HostApi['open'], broken: Promise<never>): HostApi {
  // What comes of these arrives as events; where the other side is gone, another one is found.
  const send = (sent: Promise<unknown>): void => void sent.catch(() => {});
  return {
    open: (options, listener) => Promise.race([open(options, listener), broken]),
    call: (request) => send(remote.call(request)),
    watch: (request) => send(remote.watch(request)),
    unwatch: (queryId) => send(remote.unwatch(queryId)),
    watchRows: (tableId) => send(remote.watchRows(tableId)),
    subscribe: (request) => send(remote.subscribe(request)),
    unsubscribe: (subscriptionId) => send(remote.unsubscribe(subscriptionId)),
    simulate: (simulation) => send(remote.simulate(simulation)),
    wake: () => send(remote.wake()),
    adopt: (url) => remote.adopt(url),
    answer: (answer) => send(remote.answer(answer)),
    forget: () => remote.forget(),
    // One that never began, or is gone, will not answer.
    close: () => Promise.race([remote.close().catch(() => {}), broken.catch(() => {}), later(1_000)]),
  };
}

function later(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
