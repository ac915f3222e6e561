/** What the parts of the path can do by themselves, on the same machine in the same run. */

import { fork } from 'node:child_process';
import { closeSync, fsyncSync, mkdtempSync, openSync, rmSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { WebSocket } from 'ws';
import { defineModule, Identity } from 'forerun';
import { Authority } from '../../core/authority/authority.ts';
import { type CallId, clientIdFromBytes, type Epoch } from '../../core/commit/call.ts';
import type { Log } from '../../core/commit/log.ts';
import { nodeEnvironment } from '../../server/environment.ts';
import { SqliteLog } from '../../server/log/sqlite-log.ts';
import { describeModule } from '../../server/module-change.ts';
import { Histogram } from './histogram.ts';
import * as bank from './module.ts';
import { accountCount, initLimits } from './module.ts';
import { drawPairs } from './pairs.ts';

/** Admits, runs and encodes, and forgets: everything of the authority but the disk and the network. */
const forgetfulLog: Log = {
  append: async () => {},
  read: async function* () {},
  extent: () => ({ first: 0, last: 0 }),
  close: async () => {},
};

const definition = defineModule(bank);
const epoch = '0'.repeat(16) as Epoch;
const secret = '0'.repeat(32);

/** Transfers a second through the authority in this process, over a log; `calls` are made before each wait for it. */
export async function engineFloor(alpha: number, ms: number, log: Log = forgetfulLog, calls = 2_560): Promise<number> {
  const authority = await Authority.open({
    definition,
    log,
    environment: nodeEnvironment(),
    epoch,
    databaseIdentity: Identity.zero(),
    secret,
    limits: initLimits,
  });
  const client = authority.client(clientIdFromBytes(new Uint8Array(16).fill(1)), new Identity(1n));
  const reducerId = definition.reducers.findIndex(({ accessor }) => accessor === 'transfer');
  const pairs = drawPairs(accountCount, alpha, 1_000_000);
  let callId = 0;
  const run = async (runMs: number): Promise<number> => {
    const startMs = performance.now();
    const first = callId;
    while (performance.now() - startMs < runMs) {
      for (let i = 0; i < calls; i++) {
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

/** The same over a log on disk. */
export async function engineAndLogFloor(alpha: number, ms: number): Promise<number> {
  const folder = mkdtempSync(join(tmpdir(), 'forerun-bench-'));
  try {
    const log = await SqliteLog.open({
      path: join(folder, 'main.sqlite'),
      module: describeModule(definition),
      birth: { epoch, databaseIdentity: '0'.repeat(64), secret },
    });
    return await engineFloor(alpha, ms, log);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

export interface EchoFloor {
  /** Calls a second. */
  readonly tps: number;
  readonly p50Ms: number;
}

/** What bare `ws` echoes between two processes, in frames of the given size and number of calls. */
export async function echoFloor(
  connections: number,
  callsPerFrame: number,
  bytesPerCall: number,
  ms: number,
): Promise<EchoFloor> {
  const child = fork(new URL('./echo.ts', import.meta.url));
  const port = await new Promise<number>((resolve) => child.once('message', (message) => resolve(Number(message))));
  const frame = Buffer.alloc(callsPerFrame * bytesPerCall, 1);
  const latencies = new Histogram();
  let echoed = 0;
  const sockets = await Promise.all(
    Array.from({ length: connections }, async () => {
      const socket = new WebSocket(`ws://127.0.0.1:${port}`, { perMessageDeflate: false });
      await new Promise((resolve) => socket.once('open', resolve));
      let sentMs = performance.now();
      socket.on('message', () => {
        echoed += callsPerFrame;
        latencies.add(performance.now() - sentMs);
        sentMs = performance.now();
        socket.send(frame);
      });
      return socket;
    }),
  );
  for (const socket of sockets) socket.send(frame);
  await new Promise((resolve) => setTimeout(resolve, ms / 2));
  echoed = 0;
  latencies.clear();
  const startMs = performance.now();
  await new Promise((resolve) => setTimeout(resolve, ms));
  const tps = Math.round((echoed / (performance.now() - startMs)) * 1000);
  for (const socket of sockets) socket.terminate();
  child.kill();
  return { tps, p50Ms: latencies.quantile(0.5) };
}

/** The median of appending 4 KB to a file and waiting until it is on the disk. */
export function fsyncFloorMs(times = 300): number {
  const folder = mkdtempSync(join(tmpdir(), 'forerun-bench-'));
  const file = openSync(join(folder, 'file'), 'w');
  try {
    const latencies = new Histogram();
    const page = Buffer.alloc(4096, 1);
    for (let i = 0; i < times; i++) {
      const startMs = performance.now();
      writeSync(file, page);
      fsyncSync(file);
      latencies.add(performance.now() - startMs);
    }
    return latencies.quantile(0.5);
  } finally {
    closeSync(file);
    rmSync(folder, { recursive: true, force: true });
  }
}
