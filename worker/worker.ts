/**
 * `forerun/worker`: what a worker file of yours needs to be the host of a client.
 *
 *     import { host } from 'forerun/worker';
 *     import * as game from './module.ts';
 *     host(game);
 */

import { expose } from 'comlink';
import type { ModuleExports } from '../core/module/module.ts';
import { inProcessHost } from './in-process.ts';

/** Makes this worker the host of `connect`. Call it once, at the top of the worker's file. */
export function host(module: ModuleExports): void {
  const inner = inProcessHost(module).page();
  // comlink passes on the methods of a plain object; those of a class instance's prototype as well, but not bound.
  expose({
    open: inner.open.bind(inner),
    call: inner.call.bind(inner),
    watch: inner.watch.bind(inner),
    unwatch: inner.unwatch.bind(inner),
    watchRows: inner.watchRows.bind(inner),
    simulate: inner.simulate.bind(inner),
    adopt: inner.adopt.bind(inner),
    answer: inner.answer.bind(inner),
    forget: inner.forget.bind(inner),
    close: inner.close.bind(inner),
  });
}
