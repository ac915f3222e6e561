/** How a client's connection stands, as its pages are told. */

import type { ErrorCode, ForerunError } from '../core/errors.ts';
import type { ClientStatus, CommonStatus } from './client/host-api.ts';
import type { LinkStatus } from './host-event.ts';

/** What is said of a live connection beside that. */
interface LiveStatus {
  readonly progress: number;
  readonly otherModule: string | undefined;
}

export class HostStatus {
  #link: LinkStatus = { type: 'connecting' };

  get isLive(): boolean {
    return this.#link.type === 'live';
  }

  live(): void {
    this.#link = { type: 'live', progress: 0, otherModule: undefined };
  }

  /** It will be tried again after `retryMs`; never, when that is undefined. */
  lost({ code, message }: ForerunError, retryMs: number | undefined): void {
    if (retryMs !== undefined) this.#link = { type: 'offline', retryMs, message };
    else if (code === 'module-mismatch') this.#link = { type: 'stale', message };
    else this.stopped(code, message);
  }

  stopped(code: ErrorCode, message: string): void {
    this.#link = { type: 'stopped', code, message };
  }

  with(common: CommonStatus, live: LiveStatus): ClientStatus {
    return { ...(this.#link.type === 'live' ? { ...this.#link, ...live } : this.#link), ...common };
  }
}
