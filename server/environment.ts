/** Time, chance and later, as Node has them. */

import { randomFillSync } from 'node:crypto';
import type { Clock, Entropy, Environment, Scheduler } from '../core/environment.ts';

/** Beyond it, the two clocks have drifted apart or someone has set the wall clock. */
const driftMsMax = 2;

export function nodeEnvironment(): Environment {
  return { clock: nodeClock(), entropy, scheduler };
}

/** The wall clock, with the fractions of a millisecond that `Date.now` lacks. */
function nodeClock(): Clock {
  let offset = Date.now() - performance.now();
  return {
    now: () => {
      const wall = Date.now();
      const fine = performance.now() + offset;
      if (Math.abs(fine - wall) <= driftMsMax) return fine;
      offset += wall - fine;
      return wall;
    },
    monotonicMs: () => performance.now(),
  };
}

const entropy: Entropy = { fill: (bytes) => randomFillSync(bytes) };

/** `soon` runs after all input that has come so far: many calls of one moment share a batch. */
const scheduler: Scheduler = {
  soon: (task) => {
    setImmediate(task);
  },
  after: (delayMs, task) => {
    const timer = setTimeout(task, delayMs);
    return () => clearTimeout(timer);
  },
};
