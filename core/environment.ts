/**
 * The only way to time, chance and later for everything in `core/`: each home (Node, browser, test, simulator) passes
 * its own. That is what makes a whole system of authority and clients run from one seed.
 */

/** Milliseconds; both are read often, so they must be cheap. */
export interface Clock {
  /** Wall clock: milliseconds since the Unix epoch, with fractions where the home has them. */
  readonly now: () => number;
  /** Never goes back; its zero means nothing. */
  readonly monotonicMs: () => number;
}

/** Unforeseeable bytes: identities, tokens, secrets. Reducers never see it; theirs derives from the call. */
export interface Entropy {
  readonly fill: (bytes: Uint8Array) => Uint8Array;
}

export interface Scheduler {
  /** Runs `task` once, after the work at hand (a tick's worth of messages) but before any delay. */
  readonly soon: (task: () => void) => void;
  /** Runs `task` once after `delayMs`; the result cancels it. */
  readonly after: (delayMs: number, task: () => void) => () => void;
}

export interface Environment {
  readonly clock: Clock;
  readonly entropy: Entropy;
  readonly scheduler: Scheduler;
}
