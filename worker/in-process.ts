/** The host as it runs in browsers and Node: with their time, sockets and storage. */

import type { ModuleDefinition } from '../core/module/definition.ts';
import { webSocketTransport } from './connection/web-socket.ts';
import { clientEnvironment } from './environment.ts';
import { Host } from './host.ts';
import type { HostHome } from './host-loop.ts';
import { openStore } from './persist/open-store.ts';
import { wipeNews } from './tabs/wipe-news.ts';

export function inProcessHost(
  definition: ModuleDefinition | Promise<ModuleDefinition>,
  open: HostHome['openStore'] = openStore,
): Host {
  const home = (each: ModuleDefinition): HostHome => ({
    definition: each,
    environment: clientEnvironment,
    connect: webSocketTransport,
    openStore: open,
    ...(typeof indexedDB === 'undefined' || typeof BroadcastChannel === 'undefined' ? {} : { wipes: wipeNews }),
  });
  return new Host('then' in definition ? definition.then(home) : home(definition));
}
