/** What the parts of the path can do by themselves, on the same machine in the same run. */

import { fork } from 'node:child_process';
import { WebSocket } from 'ws';
import { defineModule, Identity } from 'forerun';
import { Authority } from '../../core/authority/authority.ts';
import { type CallId, clientIdFromBytes, type Epoch } from '../../core/commit/call.ts';
import type { Log } from '../../core/commit/log.ts';
import { nodeEnvironment } from '../../server/environment.ts';
import * as bank from './module.ts';
import { accountCount } from './module.ts';
import { drawPairs } from './pairs.ts';

/** Admits, runs and encodes, and forgets: everything of the authority but the disk and the network. */
const forgetfulLog: Log = {
  append: async () => {},
  read: async function* () {},
  extent: () => ({ first: 0, last: 0 }),
  close: async () => {},
};

/** Transfers a second through the authority in this process, over a log. */
export async function engineFloor(alpha: number, ms: number, log: Log = forgetfulLog): Promise<number> {
  const definition = defineModule(bank);
  const authority = await Authority.open({
    definition,
    log,
    environment: nodeEnvironment(),
    epoch: '0'.repeat(16) as Epoch,
    databaseIdentity: Identity.zero(),
    secret: '0'.repeat(32),
  });
  const client = authority.client(clientIdFromBytes(new Uint8Array(16).fill(1)), new Identity(1n));
  const reducerId = definition.reducers.findIndex(({ accessor }) => accessor === 'transfer');
  const pairs = drawPairs(accountCount, alpha, 1_000_000);
  let callId = 0;
  const run = async (runMs: number): Promise<number> => {
    const startMs = performance.now();
    const first = callId;
    while (performance.now() - startMs < runMs) {
      for (let i = 0; i < 2_560; i++) {
        const pair = callId % pairs.from.length;
        authority.call(client, {
          callId: ++callId as CallId,
          reducerId,
          timestampMicros: Date.now() * 1000,
          args: { value: { from: pairs.from[pair], to: pairs.to[pair], amount: 1n } },
          connectionId: null,
          idHints: [],
        });
      }
      await authority.settled();
      authority.acknowledge(client, callId as CallId);
    }
    return Math.round(((callId - first) / (performance.now() - startMs)) * 1000);
  };
  await run(ms / 2);
  const tps = await run(ms);
  await authority.close();
  return tps;
}

/** Calls a second that bare `ws` echoes between two processes, in frames of the given size and number of calls. */
export async function echoFloor(
  connections: number,
  callsPerFrame: number,
  bytesPerCall: number,
  ms: number,
): Promise<number> {
  const child = fork(new URL('./echo.ts', import.meta.url));
  const port = await new Promise<number>((resolve) => child.once('message', (message) => resolve(Number(message))));
  const frame = Buffer.alloc(callsPerFrame * bytesPerCall, 1);
  let echoed = 0;
  const sockets = await Promise.all(
    Array.from({ length: connections }, async () => {
      const socket = new WebSocket(`ws://127.0.0.1:${port}`, { perMessageDeflate: false });
      await new Promise((resolve) => socket.once('open', resolve));
      socket.on('message', () => {
        echoed += callsPerFrame;
        socket.send(frame);
      });
      return socket;
    }),
  );
  for (const socket of sockets) socket.send(frame);
  await new Promise((resolve) => setTimeout(resolve, ms / 2));
  echoed = 0;
  const startMs = performance.now();
  await new Promise((resolve) => setTimeout(resolve, ms));
  const rate = Math.round((echoed / (performance.now() - startMs)) * 1000);
  for (const socket of sockets) socket.terminate();
  child.kill();
  return rate;
}
