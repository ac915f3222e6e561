/** Simulated latency: what goes in comes out later, never in another order, also while the delay is being changed. */

import type { Environment } from '../../core/environment.ts';

export class DelayLine {
  delayMs = 0;
  readonly #environment: Environment;
  #lastDueMs = 0;

  constructor(environment: Environment) {
    this.#environment = environment;
  }

  /** A new connection: nothing is on its way. */
  reset(): void {
    this.#lastDueMs = 0;
  }

  pass(deliver: () => void): void {
    const { clock, scheduler } = this.#environment;
    const nowMs = clock.monotonicMs();
    const dueMs = Math.max(nowMs + this.delayMs, this.#lastDueMs);
    if (dueMs <= nowMs) {
      deliver();
      return;
    }
    this.#lastDueMs = dueMs;
    scheduler.after(dueMs - nowMs, deliver);
  }
}
