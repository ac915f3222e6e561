/**
 * A host on the other side of a message port, as its page sees it; and what the other side does to be reached.
 */

import type { HostApi } from '../client/host-api.ts';
import type { ExposedHost, Life } from './exposed-host.ts';
import { pageChannel } from './names.ts';
import { CallPort, type Port } from './port-messages.ts';

export interface RemoteHost {
  readonly host: HostApi;
  readonly life: () => Promise<Life>;
  /** Has the other side take pages of other tabs, which find it through this replica's channel. */
  readonly serve: (replica: string, version: string) => Promise<void>;
  readonly release: () => void;
}

/** `broken` rejects when the other side will never answer. */
export function remoteHost(port: Port, broken: Promise<never>): RemoteHost {
  const remote = new CallPort<ExposedHost>(port);
  return {
    host: hostOf(remote, broken),
    life: () => remote.ask('life'),
    serve: (replica, version) => remote.ask('serve', replica, version),
    release: () => remote.release(),
  };
}

/** The host of another tab. */
export function channelHost(replica: string, pageId: string, attempt: number): Pick<RemoteHost, 'host' | 'release'> {
  return remoteHost(new BroadcastChannel(pageChannel(replica, pageId, attempt)), new Promise<never>(() => {}));
}

function hostOf(remote: CallPort<ExposedHost>, broken: Promise<never>): HostApi {
  return {
    open: (options, listener) => {
      remote.listen(listener);
      return Promise.race([remote.ask('open', options), broken]);
    },
    call: (request) => remote.send('call', request),
    watch: (request) => remote.send('watch', request),
    unwatch: (queryId) => remote.send('unwatch', queryId),
    watchRows: (tableId) => remote.send('watchRows', tableId),
    subscribe: (request) => remote.send('subscribe', request),
    unsubscribe: (subscriptionId) => remote.send('unsubscribe', subscriptionId),
    simulate: (simulation) => remote.send('simulate', simulation),
    wake: () => remote.send('wake'),
    adopt: (url) => remote.ask('adopt', url),
    answer: (answer) => remote.send('answer', answer),
    forget: () => remote.ask('forget'),
    // One that never began, or is gone, will not answer.
    close: () => Promise.race([remote.ask('close'), broken.catch(() => {}), later(1_000)]),
  };
}

function later(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
