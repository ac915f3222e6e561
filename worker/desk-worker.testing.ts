/**
 * A worker that is the host of a desk's client, and has the desk's authority as well: the socket ends inside it. A message
 * `{ other: REDUCER, args }` has somebody else call that reducer.
 */

import { Authority } from '../core/authority/authority.ts';
import type { Epoch } from '../core/commit/call.ts';
import { MemoryLog } from '../core/commit/log.ts';
import { defineModule } from '../core/module/module.ts';
import { memoryTransport, type Transport } from '../core/protocol/transport.ts';
import { SessionHub } from '../core/session/hub.ts';
import { Identity } from '../core/value/identity.ts';
import { ClientState } from './client/client.ts';
import { deskModule } from './desk.testing.ts';
import { clientEnvironment } from './environment.ts';
import { Host } from './host.ts';
import { host } from './worker.ts';
import { provideAllCode } from './all-code.ts';

provideAllCode();

const hub = Authority.open({
  definition: defineModule(deskModule),
  log: new MemoryLog(),
  environment: clientEnvironment,
  epoch: '0123456789abcdef' as Epoch,
  databaseIdentity: new Identity(1n),
  secret: '0'.repeat(32),
}).then(
  (authority) =>
    new SessionHub({
      authority,
      environment: clientEnvironment,
      authenticate: async () => ({ identity: new Identity(2n), token: '' }),
    }),
);

/** What the client uses of a WebSocket, with the hub at its other end. */
class DeskSocket extends EventTarget {
  static readonly OPEN = 1;
  binaryType = '';
  readyState = 0;
  bufferedAmount = 0;
  #transport: Transport | undefined;

  constructor() {
    super();
    void hub.then((sessions) => {
      sessions.accept((far) => {
        const pair = memoryTransport(
          clientEnvironment.scheduler,
          {
            receive: (frame) => this.dispatchEvent(new MessageEvent('message', { data: frame.slice().buffer })),
            closed: () => this.dispatchEvent(new Event('close')),
          },
          far,
        );
        this.#transport = pair.near;
        return pair.far;
      });
      this.readyState = DeskSocket.OPEN;
      this.dispatchEvent(new Event('open'));
    });
  }

  send(frame: Uint8Array): void {
    this.#transport?.send(frame);
  }

  close(): void {
    this.#transport?.close();
  }
}

Object.assign(globalThis, { WebSocket: DeskSocket });
host(deskModule);

/** Somebody else, whose client is in this thread as well. */
async function openOther(): Promise<ClientState> {
  const definition = defineModule(deskModule);
  const sessions = await hub;
  const page = new Host({
    definition,
    environment: clientEnvironment,
    openStore: async () => undefined,
    connect: (_url, events) => {
      let near: Transport | undefined;
      sessions.accept((far) => {
        const pair = memoryTransport(clientEnvironment.scheduler, events, far);
        near = pair.near;
        return pair.far;
      });
      queueMicrotask(events.opened);
      return near as unknown as Transport;
    },
  }).page();
  const client = new ClientState(definition, page, () => {});
  const options = { url: '', replica: 'other', storage: 'memory', pageId: '', token: undefined, guard: false } as const;
  await page.open({ ...options, subscribe: 'all' }, client.receive);
  await client.ready();
  return client;
}

let other: Promise<ClientState> | undefined;
addEventListener('message', ({ data }: MessageEvent<{ readonly other?: string; readonly args?: object } | null>) => {
  const reducer = data?.other;
  if (reducer === undefined) return;
  other ??= openOther();
  void other.then((client) => client.reducers[reducer]?.(data?.args));
});
