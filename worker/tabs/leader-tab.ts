/**
 * Tabs without a shared worker: the one that holds the replica's lock leads, and has the host; the others follow, and are
 * pages of its host through broadcast channels.
 *
 * Law: who has no lock has no host. The lock goes with the tab that held it, however that ends, to the next in line. A
 * leader that holds the lock and does not answer is deposed, once: the longer, the more often that has happened lately, so
 * that tabs do not depose each other for ever.
 */

import { tabPatienceMsMax } from '../../core/limits.ts';
import type { HostOptions } from '../client/host-api.ts';
import type { TabMessage } from './followers.ts';
import type { FinderEvents, HostFinder } from './host-link.ts';
import { hostLock, replicaChannel } from './names.ts';
import { holdPageLock } from './page-lock.ts';
import { channelHost, type RemoteHost } from './remote-host.ts';
import { Standby } from './standby.ts';

/** A host of this tab's own, with its worker. */
export interface OwnHost extends RemoteHost {
  /** Loads what it will need. Rejects when it can't be used. */
  readonly prepare: () => Promise<void>;
  readonly end: () => void;
}

export interface LeaderTabOptions {
  readonly own: () => OwnHost;
  /** Equal for tabs whose modules are the same. */
  readonly version: string;
}

const checkMs = 500;
/** A leader that has not answered for so long is deposed. */
const silenceMsMax = 3_000;
/** What a host says in its last moment is with other tabs within this. */
const lingerMs = 250;
/** Depositions of the last minute each double it. */
const rememberedMs = 60_000;

type Role =
  | { readonly type: 'joining' }
  | { readonly type: 'following'; readonly host: Pick<RemoteHost, 'host' | 'release'> }
  | { readonly type: 'leading'; readonly own: OwnHost; readonly release: () => void }
  /** Its module is another one than the leader's. */
  | { readonly type: 'apart'; readonly own: OwnHost }
  | { readonly type: 'stopped' };

export class LeaderTab implements HostFinder {
  readonly #options: LeaderTabOptions;
  #role: Role = { type: 'stopped' };
  #page: HostOptions | undefined;
  #events: FinderEvents | undefined;
  #channel: BroadcastChannel | undefined;
  #standby: Standby<OwnHost> | undefined;
  #queued = new AbortController();
  #timer: ReturnType<typeof setInterval> | undefined;
  #releasePage: () => void = () => {};
  /** Which host it joins, the first, the second … */
  #attempt = 0;
  #heardMs = 0;
  #checkedMs = 0;
  #deposedMs: number[] = [];

  constructor(options: LeaderTabOptions) {
    this.#options = options;
  }

  start(page: HostOptions, events: FinderEvents): void {
    this.#page = page;
    this.#events = events;
    this.#channel = new BroadcastChannel(replicaChannel(page.replica));
    this.#channel.onmessage = ({ data }: MessageEvent<TabMessage>) => this.#hear(data);
    this.#standby = new Standby(page.replica, this.#options.own);
    this.#timer = setInterval(() => this.#check(), checkMs);
    this.#checkedMs = performance.now();
    holdPageLock(page.pageId).then((release) => {
      // It has been stopped meanwhile.
      if (this.#channel === undefined) return release();
      this.#releasePage = release;
      this.#follow();
    }, events.failed);
  }

  async stop(lingers: boolean): Promise<void> {
    clearInterval(this.#timer);
    this.#queued.abort();
    this.#standby?.leave();
    this.#channel?.close();
    this.#channel = undefined;
    const role = this.#role;
    this.#role = { type: 'stopped' };
    // With the worker, what it has said and nobody has heard yet ends; and whoever leads next would not know of it.
    if (lingers && role.type === 'leading') await new Promise((resolve) => setTimeout(resolve, lingerMs));
    this.#leave(role);
    this.#releasePage();
  }

  /** Waits in line for the lock, and joins whoever has it. */
  #follow(): void {
    const { replica } = this.#pageOptions();
    this.#role = { type: 'joining' };
    this.#attempt++;
    this.#heardMs = performance.now();
    this.#queued = new AbortController();
    this.#lead({ signal: this.#queued.signal }, replica, false);
    this.#standby?.wait();
    this.#join();
  }

  #lead(how: { readonly signal: AbortSignal } | { readonly steal: true }, replica: string, stolen: boolean): void {
    let isHeld = false;
    const held = navigator.locks.request(hostLock(replica), how, () => {
      isHeld = true;
      return this.#leading(stolen);
    });
    held.catch((error: unknown) => {
      // It waited in line no longer.
      if (!isHeld) return (error as { readonly name?: unknown }).name === 'AbortError' || this.#events?.failed(error);
      if (this.#role.type !== 'leading') return;
      // Taken from this tab, which did not answer: its host is of the past, and so is all that it has not kept.
      this.#leave(this.#role);
      this.#follow();
    });
  }

  /** Resolves when this tab leads no more. */
  #leading(stolen: boolean): Promise<void> {
    if (this.#role.type === 'stopped' || this.#role.type === 'apart') return Promise.resolve();
    this.#leave(this.#role);
    const own = this.#standby?.take() ?? this.#options.own();
    const page = this.#pageOptions();
    const lead = Promise.withResolvers<void>();
    this.#role = { type: 'leading', own, release: lead.resolve };
    this.#heardMs = performance.now();
    own
      .serve(page.replica, this.#options.version)
      .then(() => this.#say({ type: 'leader', stolen }))
      .catch(() => {});
    this.#events?.found(own.host, page).then(
      () => this.#standby?.leave(),
      (error: unknown) => this.#events?.failed(error),
    );
    return lead.promise;
  }

  #hear(message: TabMessage): void {
    const { type: role } = this.#role;
    if (role !== 'joining' && role !== 'following') return;
    switch (message.type) {
      case 'leader':
        if (message.stolen) this.#deposedMs.push(performance.now());
        this.#heardMs = performance.now();
        this.#leave(this.#role);
        this.#role = { type: 'joining' };
        this.#attempt++;
        return this.#join();
      case 'pong':
        this.#heardMs = performance.now();
        return;
      case 'joined':
        if (message.pageId === this.#pageOptions().pageId && message.attempt === this.#attempt && role === 'joining')
          this.#joined();
        return;
      case 'otherVersion':
        if (message.pageId === this.#pageOptions().pageId && role === 'joining') this.#apart();
        return;
      default:
        return;
    }
  }

  #join(): void {
    const { pageId } = this.#pageOptions();
    this.#say({ type: 'join', pageId, attempt: this.#attempt, version: this.#options.version });
  }

  #joined(): void {
    const page = this.#pageOptions();
    const host = channelHost(page.replica, page.pageId, this.#attempt);
    this.#role = { type: 'following', host };
    this.#heardMs = performance.now();
    // Should the leader go meanwhile, another one is joined.
    this.#events?.found(host.host, page).catch(() => {});
  }

  /** Two versions of the app are open, and the other one has the device. */
  #apart(): void {
    this.#queued.abort();
    this.#standby?.leave();
    const own = this.#options.own();
    this.#role = { type: 'apart', own };
    const unavailable = 'another version of this app is open in another tab, close it and reload this one';
    this.#events
      ?.found(own.host, { ...this.#pageOptions(), storage: { unavailable }, pageId: '' })
      .catch((error: unknown) => this.#events?.failed(error));
  }

  #check(): void {
    const nowMs = performance.now();
    // This tab was asleep, and may have missed answers.
    if (nowMs - this.#checkedMs > 4 * checkMs) this.#heardMs = nowMs;
    this.#checkedMs = nowMs;
    if (this.#role.type === 'joining') this.#join();
    if (this.#role.type !== 'joining' && this.#role.type !== 'following') return;
    this.#deposedMs = this.#deposedMs.filter((ms) => nowMs - ms < rememberedMs);
    const patienceMs = Math.min(tabPatienceMsMax, silenceMsMax * 2 ** this.#deposedMs.length);
    if (nowMs - this.#heardMs > patienceMs) return this.#depose();
    this.#say({ type: 'ping' });
  }

  /** One tab at a time; the others hear of it. */
  #depose(): void {
    const { replica } = this.#pageOptions();
    this.#heardMs = performance.now();
    void navigator.locks.request(`${hostLock(replica)} deposing`, { ifAvailable: true }, async (lock) => {
      if (lock === null || (this.#role.type !== 'joining' && this.#role.type !== 'following')) return;
      this.#deposedMs.push(performance.now());
      this.#queued.abort();
      this.#lead({ steal: true }, replica, true);
      await new Promise((resolve) => setTimeout(resolve, checkMs));
    });
  }

  #leave(role: Role): void {
    if (role.type === 'following') role.host.release();
    if (role.type === 'leading') role.release();
    if (role.type === 'leading' || role.type === 'apart') role.own.end();
  }

  #say(message: TabMessage): void {
    this.#channel?.postMessage(message);
  }

  #pageOptions(): HostOptions {
    if (this.#page === undefined) throw new Error('it has not been started');
    return this.#page;
  }
}
