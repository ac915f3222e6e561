/**
 * What became of calls that were answered just now, by the page that made them: a page whose host dies may not have heard
 * it, and makes the call again at the next host.
 *
 * Law: what the device keeps of an answered call goes only together with the note here, so that a call is known as
 * pending or as answered for as long as its page may ask again.
 */

import type { Clock } from '../core/environment.ts';
import { limits } from '../core/limits.ts';
import type { CallProgress } from './client/host-api.ts';
import type { CallOrigin } from './callers.ts';

export interface AnsweredCall {
  readonly pageId: string;
  readonly handleId: number;
  readonly atMs: number;
  readonly progress: CallProgress;
}

/** Longer than a tab waits for a leader that does not answer (`tabPatienceMsMax`), and another one's start. */
const keptMs = limits.tabPatienceMsMax + 10_000;
const keptMax = 2_000;

export class AnsweredCalls {
  readonly #clock: Clock;
  #calls: AnsweredCall[];

  constructor(clock: Clock, calls: readonly AnsweredCall[]) {
    this.#clock = clock;
    this.#calls = [...calls];
  }

  /** The newest last. */
  get recent(): readonly AnsweredCall[] {
    const sinceMs = this.#clock.now() - keptMs;
    const first = this.#calls.findIndex(({ atMs }) => atMs >= sinceMs);
    this.#calls = first === -1 ? [] : this.#calls.slice(Math.max(first, this.#calls.length - keptMax));
    return this.#calls;
  }

  add({ pageId, handleId }: CallOrigin, progress: CallProgress): void {
    // Only pages that share a host have a name.
    if (pageId === '') return;
    if (this.#calls.length >= 2 * keptMax) this.#calls = [...this.recent];
    this.#calls.push({ pageId, handleId, atMs: this.#clock.now(), progress });
  }

  find({ pageId, handleId }: CallOrigin): CallProgress | undefined {
    if (pageId === '') return undefined;
    return this.#calls.find((call) => call.handleId === handleId && call.pageId === pageId)?.progress;
  }
}
