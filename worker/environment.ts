/** Time, chance and later in a browser page, a worker or Node: what `core/` is given on the client's side. */

import type { Environment } from '../core/environment.ts';

export const clientEnvironment: Environment = {
  clock: {
    now: () => performance.timeOrigin + performance.now(),
    monotonicMs: () => performance.now(),
  },
  entropy: { fill: (bytes) => crypto.getRandomValues(bytes as Uint8Array<ArrayBuffer>) },
  scheduler: {
    soon: (task) => queueMicrotask(task),
    after: (delayMs, task) => {
      const timer = setTimeout(task, delayMs);
      return () => clearTimeout(timer);
    },
  },
};
