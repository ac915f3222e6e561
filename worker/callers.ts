/** Who made a client's calls, and how pages know them: by their own numbers, and those of earlier pages by the calls'. */

import type { CallId } from '../core/commit/call.ts';
import type { PageFeed } from './page-feed.ts';

/** Who made a call: also a page that is gone, or was another tab's. */
export interface CallOrigin {
  readonly pageId: string;
  readonly handleId: number;
}

export interface Caller extends CallOrigin {
  /** Undefined when nobody waits for it here. */
  readonly page: PageFeed | undefined;
  /** The number that the call had first: pages that were told of it when they opened know it by this. */
  readonly knownAs: CallId;
}

export class Callers {
  readonly #byCall = new Map<CallId, Caller>();
  readonly #byOrigin = new Map<string, CallId>();

  get size(): number {
    return this.#byCall.size;
  }

  get(callId: CallId): Caller | undefined {
    return this.#byCall.get(callId);
  }

  set(callId: CallId, caller: Caller): void {
    this.#byCall.set(callId, caller);
    this.#byOrigin.set(originKey(caller), callId);
  }

  delete(callId: CallId): void {
    const caller = this.#byCall.get(callId);
    if (caller === undefined) return;
    this.#byCall.delete(callId);
    if (this.#byOrigin.get(originKey(caller)) === callId) this.#byOrigin.delete(originKey(caller));
  }

  /** The call that this page made under this number. */
  find(origin: CallOrigin): CallId | undefined {
    return this.#byOrigin.get(originKey(origin));
  }

  /** The call has another number. */
  move(before: CallId, after: CallId): void {
    const caller = this.#byCall.get(before);
    if (caller === undefined) return;
    this.delete(before);
    this.set(after, caller);
  }

  /** By what pages know them. */
  known(numbers: readonly number[]): CallId[] {
    const wanted = new Set(numbers);
    return [...this.#byCall].filter(([, { knownAs }]) => wanted.has(knownAs)).map(([callId]) => callId);
  }

  /** The page is gone, and with it whoever waits for its calls. */
  left(page: PageFeed): void {
    for (const [callId, caller] of this.#byCall)
      if (caller.page === page) this.#byCall.set(callId, { ...caller, page: undefined });
  }
}

function originKey({ pageId, handleId }: CallOrigin): string {
  return `${handleId} ${pageId}`;
}
