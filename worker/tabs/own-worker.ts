/** A worker of the page's own, as its host. */

import { ForerunError } from '../../core/errors.ts';
import type { OwnHost } from './leader-tab.ts';
import { remoteHost } from './remote-host.ts';

export function ownWorker(worker: Worker): OwnHost {
  const failure = failureOf(worker);
  const remote = remoteHost(worker, failure);
  return {
    ...remote,
    prepare: () => Promise.race([remote.prepare(), failure]),
    end: () => {
      remote.release();
      worker.terminate();
    },
  };
}

/** Rejects when the worker's file can't be loaded, or throws as it is. */
function failureOf(worker: Worker): Promise<never> {
  const failure = new Promise<never>((_, reject) => {
    worker.addEventListener('error', ({ message }) => {
      const reason = message === undefined || message === '' ? 'its file could not be loaded' : message;
      reject(
        new ForerunError(
          'internal',
          `The worker of this client did not start: ${reason}. Its file is a module that calls host(module) of forerun/worker.`,
        ),
      );
    });
  });
  // Once it is open, an error in it is reported by the browser, and the client goes on.
  failure.catch(() => {});
  return failure;
}
