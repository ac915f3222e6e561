/**
 * What an app is asked of calls that were made before this start: those of another module, which it may discard, and
 * those that this module can't take.
 *
 * Law: a call that the authority has run is not told as one that was not sent. Where it may have been sent, that is known
 * once there is a connection, and discarding it waits for that. A review is over when that is kept, so that a reload in the
 * middle of it begins it again.
 */

import type { CallId } from '../core/commit/call.ts';
import type { PageAnswer } from './client/host-api.ts';
import type { Device } from './device.ts';
import type { OwnCalls } from './own-calls.ts';
import type { PageFeed } from './page-feed.ts';
import type { Pages } from './pages.ts';

export interface ReviewOptions {
  /** Calls wait for it. */
  readonly isOpen: boolean;
  readonly calls: OwnCalls;
  readonly device: Device;
  readonly pages: Pages;
}

export class Review {
  readonly #options: ReviewOptions;
  #isOpen: boolean;
  /** The device still says that it is open. */
  #isKeptOpen: boolean;

  constructor(options: ReviewOptions) {
    this.#options = options;
    this.#isOpen = options.isOpen;
    this.#isKeptOpen = options.isOpen;
    if (options.isOpen) options.calls.hold();
  }

  /** Tells a page that has opened. */
  greet(page: PageFeed): void {
    const { calls, device } = this.#options;
    const earlier = calls.earlier(page.pageId);
    if (earlier.length > 0) page.push({ type: 'earlier', calls: earlier });
    if (this.#isOpen) page.push({ type: 'moduleChanged', calls: earlier });
    if (device.unsendable.length > 0) page.push({ type: 'unsendable', calls: device.unsendable });
  }

  answer(answer: PageAnswer): void {
    const { calls, device } = this.#options;
    if (answer.type === 'dismiss') {
      device.dismiss(answer.key);
      this.#tellUnsendable();
    } else if (this.#isOpen) {
      this.#isOpen = false;
      this.#settle(calls.release(answer.discard));
    }
  }

  /** The authority has run this client's calls up to this one. */
  welcomed(lastCallId: CallId): void {
    const { calls, device } = this.#options;
    if (device.ranUpTo(lastCallId)) this.#tellUnsendable();
    this.#settle(calls.met(lastCallId));
    // They may have other numbers now.
    if (this.#isOpen) device.toBeReviewed(calls.lastCallId);
  }

  #settle(discarded: readonly CallId[]): void {
    const { calls, device } = this.#options;
    device.discard(discarded);
    if (this.#isOpen || !this.#isKeptOpen || !calls.isDecided) return;
    this.#isKeptOpen = false;
    device.toBeReviewed(undefined);
  }

  #tellUnsendable(): void {
    const { pages, device } = this.#options;
    pages.push({ type: 'unsendable', calls: device.unsendable });
  }
}
