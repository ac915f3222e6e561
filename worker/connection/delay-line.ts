/**
 * Simulated latency: what goes in comes out later, never in another order, also while the delay is being changed.
 *
 * Each timer delivers whatever is first in line, so the order holds whichever of two timers the platform runs first.
 */

import type { Environment } from '../../core/environment.ts';

export class DelayLine {
  delayMs = 0;
  readonly #environment: Environment;
  #line: (() => void)[] = [];
  #lastDueMs = 0;

  constructor(environment: Environment) {
    this.#environment = environment;
  }

  /** A new connection: nothing is on its way. */
  reset(): void {
    this.#line = [];
    this.#lastDueMs = 0;
  }

  pass(deliver: () => void): void {
    const { clock, scheduler } = this.#environment;
    const nowMs = clock.monotonicMs();
    const line = this.#line;
    if (this.delayMs <= 0 && line.length === 0) {
      deliver();
      return;
    }
    this.#lastDueMs = Math.max(nowMs + this.delayMs, this.#lastDueMs);
    line.push(deliver);
    scheduler.after(this.#lastDueMs - nowMs, () => line.shift()?.());
  }
}
