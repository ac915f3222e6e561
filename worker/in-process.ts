/** The host as it runs in browsers and Node: with their time, sockets and storage. */

import { defineModule, type ModuleExports } from '../core/module/module.ts';
import { webSocketTransport } from './connection/web-socket.ts';
import { clientEnvironment } from './environment.ts';
import { Host } from './host.ts';
import type { HostHome } from './host-loop.ts';
import { openStore } from './persist/open-store.ts';
import { wipeNews } from './tabs/wipe-news.ts';

export function inProcessHost(module: ModuleExports, open: HostHome['openStore'] = openStore): Host {
  return new Host({
    definition: defineModule(module),
    environment: clientEnvironment,
    connect: webSocketTransport,
    openStore: open,
    ...(typeof indexedDB === 'undefined' || typeof BroadcastChannel === 'undefined' ? {} : { wipes: wipeNews }),
  });
}
