/**
 * What a reducer's promises do after it has returned: one that nobody waits for, and that uses `ctx.db` too late, fails
 * where nobody can catch it, which by default ends the process.
 *
 * Law: such a failure is told, and the authority goes on. Every other one is Node's to deal with, as if this weren't here.
 */

import { ForerunError } from '../core/errors.ts';

type Listener = (error: ForerunError) => void;

const listeners = new Set<Listener>();

/** Until the result is called. Which database it was can't be told, so each is told of it. */
export function listenToStrayPromises(listener: Listener): () => void {
  if (listeners.size === 0) process.on('unhandledRejection', failed);
  listeners.add(listener);
  return () => {
    listeners.delete(listener);
    if (listeners.size === 0) process.off('unhandledRejection', failed);
  };
}

function failed(reason: unknown): void {
  if (reason instanceof ForerunError && reason.code === 'reducer-async') {
    for (const listener of [...listeners]) listener(reason);
    return;
  }
  // With a listener of its own, the program decides; without one, it ends, as it would have.
  if (process.listenerCount('unhandledRejection') === 1) throw reason;
}
