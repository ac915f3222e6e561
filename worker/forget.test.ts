/** `forget`: whatever has happened before, nothing is left, and nobody goes on with it. */

import { describe, expect, test } from 'vitest';
import { SimulatedStorage } from '../test/contract/simulated-storage.ts';
import { defineModule } from '../core/module/module.ts';
import { ClientState } from './client/client.ts';
import type { HostApi } from './client/host-api.ts';
import { Desk, type DeskClient, deskModule, deskOptions, type Seat } from './desk.testing.ts';
import { type ClientStore, memoryStore, storageUnavailable } from './persist/store.ts';
import type { WipeNews } from './start.ts';
import { type FinderEvents, HostLink } from './tabs/host-link.ts';

/** A page whose hosts the test finds. */
class Tab {
  readonly link: HostLink;
  readonly client: DeskClient;
  readonly opened: Promise<void>;
  isStopped = false;
  #events: FinderEvents | undefined;

  constructor(pageId = 'page') {
    this.link = new HostLink({
      start: (_, events) => {
        this.#events = events;
      },
      stop: async () => {
        this.isStopped = true;
      },
    });
    const state = new ClientState(defineModule(deskModule), this.link, () => {});
    this.opened = this.link.open({ ...deskOptions, pageId }, state.receive);
    this.client = state as unknown as DeskClient;
  }

  finds(host: HostApi): Promise<void> {
    return this.#events?.found(host, deskOptions) ?? Promise.reject(new RangeError('nobody looks for a host'));
  }
}

/** Says what it is asked. */
function listed(name: string, asked: string[], forget: () => Promise<void> = async () => {}): HostApi {
  const note = (what: string) => (): void => void asked.push(`${name} ${what}`);
  return {
    open: async () => note('open')(),
    call: note('call'),
    watch: note('watch'),
    unwatch: note('unwatch'),
    watchRows: note('watchRows'),
    subscribe: note('subscribe'),
    unsubscribe: note('unsubscribe'),
    simulate: note('simulate'),
    wake: note('wake'),
    adopt: async () => note('adopt')(),
    answer: note('answer'),
    forget: () => {
      note('forget')();
      return forget();
    },
    close: async () => note('close')(),
  };
}

/** A store that refuses while `isFull`. */
function fickleStore(): { readonly records: ClientStore; readonly store: ClientStore; isFull: boolean } {
  const records = memoryStore();
  const refusing =
    <Args extends unknown[]>(act: (...args: Args) => Promise<void>) =>
    async (...args: Args): Promise<void> => {
      if (fickle.isFull) throw storageUnavailable('the browser has no room left for it');
      await act(...args);
    };
  const fickle = {
    records,
    store: { ...records, write: refusing(records.write), wipe: refusing(records.wipe) },
    isFull: false,
  };
  return fickle;
}

async function offline(desk: Desk, seat: Seat): Promise<void> {
  seat.isReachable = false;
  seat.cut();
  await desk.time.advance(1);
}

describe('forget', () => {
  test('[TAB-4] is asked of the host that there is now, and of the next one when that is gone before it is done', async () => {
    const asked: string[] = [];
    const tab = new Tab();
    await tab.finds(listed('one', asked));
    await tab.finds(listed('two', asked, () => new Promise(() => {})));
    tab.client.reducers.put({ id: 1, text: 'a' });
    const forgotten = tab.client.forget();
    expect(asked.at(-1)).toBe('two forget');
    await tab.finds(listed('three', asked));
    await forgotten;
    // The calls are not made there.
    expect(asked.filter((what) => what.startsWith('three'))).toEqual(['three open', 'three forget', 'three close']);
    expect(tab.isStopped).toBe(true);
  });

  test('[TAB-4] that fails says so, and can be asked for again', async () => {
    const asked: string[] = [];
    let isWiped = false;
    const tab = new Tab();
    const refuse = async (): Promise<void> => {
      if (!isWiped) throw storageUnavailable('it is held');
    };
    await tab.finds(listed('one', asked, refuse));
    await expect(tab.client.forget()).rejects.toMatchObject({ code: 'storage-unavailable' });
    isWiped = true;
    await tab.client.forget();
    expect(asked.filter((what) => what === 'one forget')).toHaveLength(2);
  });

  test('[TAB-4] [OFF-9] ends every page with its calls, which no later host makes', async () => {
    const desk = await Desk.open();
    const storage = new SimulatedStorage();
    const first = await desk.seat({ store: storage.connect() });
    const tab = new Tab();
    await tab.finds(first.hosts.page());
    await offline(desk, first);
    const call = tab.client.reducers.put({ id: 1, text: 'of the one who signed out' });
    await desk.time.advance(1_000);
    expect(call.state).toBe('stored');
    const answered = expect(call.confirmed).rejects.toMatchObject({ code: 'client-closed' });
    await first.client.forget();
    await answered;
    expect(tab.client.status).toMatchObject({ type: 'stopped', code: 'client-closed' });
    expect(() => tab.client.reducers.put({ id: 2, text: 'b' })).toThrow(
      expect.objectContaining({ code: 'client-closed' }),
    );
    await desk.time.advance(1);
    expect(tab.isStopped).toBe(true);
    const second = await desk.seat({ store: storage.connect() });
    // The tab that led has gone, and this one would lead now.
    await tab.finds(second.hosts.page());
    await desk.time.advance(20_000);
    expect(desk.home.rows('item')).toEqual([]);
    expect(second.client.status.pending).toBe(0);
  });

  test('[OFF-9] leaves nothing also when nothing more could be kept before', async () => {
    const desk = await Desk.open();
    const fickle = fickleStore();
    const seat = await desk.seat({ store: fickle.store });
    seat.client.reducers.put({ id: 1, text: 'a' });
    await desk.time.advance(1_000);
    fickle.isFull = true;
    seat.client.reducers.put({ id: 2, text: 'b' });
    await desk.time.advance(1_000);
    expect(seat.client.status.storage.type).toBe('memory');
    fickle.isFull = false;
    expect(await fickle.records.open()).not.toEqual([]);
    await seat.client.forget();
    expect(await fickle.records.open()).toEqual([]);
  });

  test('[OFF-9] rejects as long as something is left, and a later one wipes it', async () => {
    const desk = await Desk.open();
    const fickle = fickleStore();
    const seat = await desk.seat({ store: fickle.store });
    seat.client.reducers.put({ id: 1, text: 'a' });
    await desk.time.advance(1_000);
    fickle.isFull = true;
    for (let i = 0; i < 2; i++)
      await expect(seat.client.forget()).rejects.toMatchObject({ code: 'storage-unavailable' });
    expect(seat.client.status).toMatchObject({ type: 'stopped', message: expect.stringContaining('forget() again') });
    fickle.isFull = false;
    await seat.client.forget();
    expect(await fickle.records.open()).toEqual([]);
    expect(seat.client.status).toMatchObject({ type: 'stopped', code: 'client-closed' });
    await seat.client.forget();
  });

  test('[TAB-4] [OFF-9] of a host that could not have the device wipes it, and ends the host that has it', async () => {
    const desk = await Desk.open();
    const storage = new SimulatedStorage();
    const listeners = new Set<() => void>();
    const wipes: WipeNews = {
      tell: () => {
        for (const wiped of [...listeners]) wiped();
      },
      hear: (_, wiped) => {
        listeners.add(wiped);
        return () => listeners.delete(wiped);
      },
    };
    const owner = await desk.seat({ store: storage.connect(), wipes });
    owner.client.reducers.put({ id: 1, text: 'a' });
    await desk.time.advance(1_000);
    const apart = await desk.seat({ store: storage.connect(), wipes, storage: { unavailable: 'there are no locks' } });
    await desk.time.advance(1_000);
    expect(apart.client.status.storage.type).toBe('memory');
    await apart.client.forget();
    expect(owner.client.status).toMatchObject({ type: 'stopped', code: 'client-closed' });
    expect(await storage.connect().open()).toEqual([]);
    expect(listeners.size).toBe(0);
  });

  test('lets a page that opens meanwhile be somebody new', async () => {
    const desk = await Desk.open();
    const storage = new SimulatedStorage();
    const first = await desk.seat({ store: storage.connect() });
    await desk.time.advance(1_000);
    const { identity } = first.client.status;
    const forgotten = first.client.forget();
    const tab = new Tab('another');
    const found = tab.finds(first.hosts.page());
    await forgotten;
    await found;
    await desk.time.advance(1_000);
    expect(tab.client.status).toMatchObject({ type: 'live' });
    expect(tab.client.status.identity).not.toBe(identity);
  });

  test('of a client that was closed says that nothing was wiped', async () => {
    const desk = await Desk.open();
    const seat = await desk.seat({ store: memoryStore() });
    await seat.client.close();
    await expect(seat.client.forget()).rejects.toMatchObject({ code: 'client-closed' });
  });
});
