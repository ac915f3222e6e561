/** The host without a worker: in Node, and in pages that have none to offer. */

import { defineModule, type ModuleExports } from '../core/module/module.ts';
import { webSocketTransport } from './connection/web-socket.ts';
import { clientEnvironment } from './environment.ts';
import { Host } from './host.ts';
import { openStore } from './persist/open-store.ts';

export function inProcessHost(module: ModuleExports): Host {
  return new Host({
    definition: defineModule(module),
    environment: clientEnvironment,
    connect: webSocketTransport,
    openStore,
  });
}
