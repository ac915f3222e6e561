/**
 * Of the tabs that follow, the one that is next: it has a worker started beforehand, so that when the leader dies neither
 * the worker's script nor SQLite has to be loaded.
 *
 * Law: one tab of a replica at a time, since a worker costs memory. Who leads does not depend on it: a tab that has nothing
 * prepared starts a worker then.
 */

import { nextLock } from './names.ts';

/** So long after it has become the next: its page's start, and that of the one before it which leads now, come first. */
const restMs = 2_000;

interface Prepared {
  /** Rejects when it can't be used. */
  readonly prepare: () => Promise<void>;
  readonly end: () => void;
}

export class Standby<Host extends Prepared> {
  readonly #replica: string;
  readonly #make: () => Host;
  #waiting: AbortController | undefined;
  #release: (() => void) | undefined;
  #prepared: Host | undefined;
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor(replica: string, make: () => Host) {
    this.#replica = replica;
    this.#make = make;
  }

  /** Gets in line. */
  wait(): void {
    if (this.#waiting !== undefined) return;
    const waiting = new AbortController();
    this.#waiting = waiting;
    navigator.locks
      .request(nextLock(this.#replica), { signal: waiting.signal }, () => {
        if (waiting.signal.aborted) return undefined;
        return new Promise<void>((release) => {
          this.#release = release;
          this.#timer = setTimeout(() => this.#prepare(), restMs);
        });
      })
      // It left.
      .catch(() => {});
  }

  /** The host that is prepared, or another one. It still is next in line: nobody else's start is to hold up this one's. */
  take(): Host {
    const host = this.#prepared ?? this.#make();
    this.#prepared = undefined;
    clearTimeout(this.#timer);
    return host;
  }

  leave(): void {
    clearTimeout(this.#timer);
    this.#waiting?.abort();
    this.#waiting = undefined;
    this.#release?.();
    this.#release = undefined;
    this.#prepared?.end();
    this.#prepared = undefined;
  }

  #prepare(): void {
    const host = this.#make();
    this.#prepared = host;
    host.prepare().catch(() => {
      // As without a network; another attempt is made when it is needed.
      if (this.#prepared === host) this.#prepared = undefined;
      host.end();
    });
  }
}
