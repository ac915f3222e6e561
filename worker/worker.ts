/**
 * `forerun/worker`: what a worker file of yours needs to be the host of a client, in a worker of one page or in one that
 * the pages of all tabs share.
 *
 *     import { host } from 'forerun/worker';
 *     import * as game from './module.ts';
 *     host(game);
 */

import type { Endpoint } from 'comlink';
import type { ModuleExports } from '../core/module/module.ts';
import { inProcessHost } from './in-process.ts';
import { openStore } from './persist/open-store.ts';
import { exposeHost } from './tabs/exposed-host.ts';
import { openLockedStore } from './tabs/locked-store.ts';
import { moduleVersion } from './tabs/module-version.ts';

/** Makes this worker the host of `connect`. Call it once, at the top of the worker's file. */
export function host(module: ModuleExports): void {
  const isShared = 'onconnect' in globalThis;
  const inner = inProcessHost(module, isShared ? openLockedStore : openStore);
  const expose = (endpoint: Endpoint): void =>
    exposeHost({ page: () => inner.page(), endpoint, version: moduleVersion(module) });
  if (!isShared) return expose(globalThis as unknown as Endpoint);
  addEventListener('connect', (event) => {
    const [port] = (event as MessageEvent).ports;
    if (port !== undefined) expose(port);
  });
}
