/**
 * The pages of one host: each has a feed of its own, with its own queries and calls; what is about rows and status goes
 * to all of them.
 *
 * Law: what one event of the host changes reaches each page in one list.
 */

import type { RowChange } from '../core/commit/row-change.ts';
import type { Engine } from '../core/engine/engine.ts';
import type { Environment } from '../core/environment.ts';
import type { ClientStatus, HostEvent, HostListener } from './client/host-api.ts';
import { PageFeed } from './page-feed.ts';

export interface PagesOptions {
  readonly engine: Engine;
  readonly environment: Environment;
  /** Asks the host to call `refresh` and then `deliver`. */
  readonly wake: () => void;
}

export class Pages {
  readonly #options: PagesOptions;
  readonly #feeds = new Set<PageFeed>();

  constructor(options: PagesOptions) {
    this.#options = options;
  }

  get size(): number {
    return this.#feeds.size;
  }

  open(listener: HostListener, pageId: string): PageFeed {
    const feed = new PageFeed({ ...this.#options, listener, pageId });
    this.#feeds.add(feed);
    return feed;
  }

  /** Nothing reaches it any more. */
  close(feed: PageFeed): void {
    if (this.#feeds.delete(feed)) feed.close();
  }

  closeAll(): void {
    for (const feed of [...this.#feeds]) this.close(feed);
  }

  push(event: HostEvent): void {
    for (const feed of this.#feeds) feed.push(event);
  }

  status(status: ClientStatus): void {
    for (const feed of this.#feeds) feed.status(status);
  }

  /** Some page wants this table's row changes. */
  isWatched(tableId: number): boolean {
    for (const feed of this.#feeds) if (feed.isWatched(tableId)) return true;
    return false;
  }

  touch(tableId: number): void {
    for (const feed of this.#feeds) feed.touch(tableId);
  }

  interrupt(): void {
    for (const feed of this.#feeds) feed.interrupt();
  }

  changed(changes: readonly RowChange[]): void {
    for (const feed of this.#feeds) feed.changed(changes);
  }

  refresh(): void {
    for (const feed of this.#feeds) feed.refresh();
  }

  refreshSoon(): void {
    for (const feed of this.#feeds) feed.refreshSoon();
  }

  deliver(): void {
    for (const feed of this.#feeds) feed.deliver();
  }
}
