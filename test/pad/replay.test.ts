/** Two people who typed into one text at the same time, typed again by two clients with 200 ms between them. */

import { describe, expect, test } from 'vitest';
import { Home, TestTime } from '../../core/authority/home.testing.ts';
import { defineModule } from '../../core/module/module.ts';
import { memoryTransport, type Transport } from '../../core/protocol/transport.ts';
import { SessionHub } from '../../core/session/hub.ts';
import { Identity } from '../../core/value/identity.ts';
import * as pad from '../../demo/pad/module.ts';
import { type ChunkRow, type NodeRow, textOf } from '../../demo/pad/text.ts';
import { type Client, ClientState } from '../../worker/client/client.ts';
import { Host } from '../../worker/host.ts';
import { memoryStore } from '../../worker/persist/store.ts';
import { hasRecording, readRecording } from './recording.ts';
import { Typist } from './typist.ts';
import { provideAllCode } from '../../worker/all-code.ts';

provideAllCode();

const latencyMs = 200;
/** A hundred edits a second. */
const stepMs = 50;
const editsPerStep = 5;

class Room {
  readonly time = new TestTime();
  readonly home: Home;
  readonly #hub: SessionHub;
  #identities = 0n;

  private constructor(time: TestTime, home: Home) {
    this.time = time;
    this.home = home;
    this.#hub = new SessionHub({
      authority: home.authority,
      environment: time.environment,
      authenticate: async () => ({ identity: new Identity(++this.#identities), token: 'known' }),
    });
  }

  static async open(): Promise<Room> {
    const time = new TestTime();
    return new Room(time, await Home.open({ ...pad }, { time }));
  }

  async client(): Promise<Client<typeof pad>> {
    const { environment } = this.time;
    const host = new Host({
      definition: defineModule(pad),
      environment,
      connect: (_url, events) => {
        let near: Transport | undefined;
        this.#hub.accept((far) => {
          const pair = memoryTransport(environment.scheduler, events, far);
          near = pair.near;
          return pair.far;
        });
        environment.scheduler.soon(() => events.opened());
        return near as Transport;
      },
      openStore: async () => memoryStore(),
    }).page();
    const state = new ClientState(defineModule(pad), host, () => {});
    await host.open(
      { url: '', replica: 'pad', storage: 'memory', pageId: '', token: undefined, guard: false, subscribe: 'all' },
      state.receive,
    );
    state.simulate({ latencyMs });
    await this.time.advance(latencyMs * 4);
    return state as unknown as Client<typeof pad>;
  }

  get text(): string {
    const rows = (accessor: string) => {
      const store = this.home.authority.engine.stores.find(({ shape }) => shape.table.accessor === accessor);
      return store === undefined ? [] : this.home.authority.engine.rows(store.shape.table.tableId);
    };
    return textOf(rows('node') as unknown as NodeRow[], rows('chunk') as unknown as ChunkRow[]);
  }
}

describe.skipIf(!hasRecording('friendsforever'))('the recording friendsforever', () => {
  test('typed by two clients at the same time, 200 ms apart, ends as it ended then, on both and on the server', async () => {
    const recording = readRecording('friendsforever');
    const room = await Room.open();
    const clients = [await room.client(), await room.client()];
    const typists = clients.map((client, agent) => new Typist(client, recording, agent));
    let isDone = false;
    Promise.all(typists.map(({ done }) => done)).then(
      () => (isDone = true),
      () => (isDone = true),
    );
    for (let turn = 0; !isDone; turn += editsPerStep) {
      for (const typist of typists) typist.due(turn);
      await room.time.advance(stepMs);
    }
    await Promise.all(typists.map(({ done }) => done));
    await room.time.advance(latencyMs * 2);
    for (const typist of typists) expect(await typist.text()).toBe(recording.endText);
    expect(room.text).toBe(recording.endText);
    expect(clients.map(({ status }) => status.pending)).toEqual([0, 0]);
    // They did type at the same time: predictions were run again on what the other had written.
    expect(Math.min(...clients.map(({ counters }) => counters.replayed))).toBeGreaterThan(100);
    for (const client of clients) await client.close();
  }, 120_000);
});
