/**
 * `forerun/worker`: what a worker file of yours needs to be the host of a client, in a worker of one page or in one that
 * the pages of all tabs share.
 *
 *     import { host } from 'forerun/worker';
 *     import * as game from './module.ts';
 *     host(game);
 */

import type { Endpoint } from 'comlink';
import { attachModule, type CompiledModule } from '../core/module/compiled-module.ts';
import type { ModuleDefinition } from '../core/module/definition.ts';
import type { ModuleExports } from '../core/module/module.ts';
import { inProcessHost } from './in-process.ts';
import { loadAll } from './late-code.ts';
import { openStore } from './persist/open-store.ts';
import { exposeHost } from './tabs/exposed-host.ts';
import { openLockedStore } from './tabs/locked-store.ts';
import { moduleVersion } from './tabs/module-version.ts';

/**
 * Makes this worker the host of `connect`. Call it once, at the top of the worker's file. `compiled` is the module as a
 * build has resolved it (the Vite plugin's doing), without which the worker loads what resolves it.
 */
export function host(module: ModuleExports, compiled?: CompiledModule): void {
  const isShared = 'onconnect' in globalThis;
  const definition = compiled === undefined ? resolved(module) : attachModule(module, compiled);
  const inner = inProcessHost(definition, isShared ? openLockedStore : openStore);
  const expose = (endpoint: Endpoint): void =>
    exposeHost({
      page: () => inner.page(),
      endpoint,
      version: moduleVersion(module),
      ready: loadAll,
      prepare: () => inner.prepare(),
    });
  if (!isShared) return expose(globalThis as unknown as Endpoint);
  addEventListener('connect', (event) => {
    const [port] = (event as MessageEvent).ports;
    if (port !== undefined) expose(port);
  });
}

async function resolved(module: ModuleExports): Promise<ModuleDefinition> {
  const { defineModule } = await import('../core/module/module.ts');
  return defineModule(module);
}
