/**
 * `npm run bench -- slow-reader [--seconds 60]`: twenty clients call and read each other's rows; another one subscribes,
 * and then reads nothing for a minute. What that costs the others (latency of a call, before and during, in one run) and
 * the server (memory above that of before), when it is let go, and whether it has the same rows when it comes back.
 */

import { fork } from 'node:child_process';
import { once } from 'node:events';
import { connect as connectSocket, type Socket } from 'node:net';
import { ByteWriter } from '../core/codec/bytes.ts';
import { type CallId, clientIdFromBytes } from '../core/commit/call.ts';
import { defineModule } from '../core/module/module.ts';
import { encodeClientMessage } from '../core/protocol/frame.ts';
import { protocolVersion, subprotocol } from '../core/protocol/version.ts';
import { WireClient } from '../test/crash/wire-client.ts';
import * as board from './slow-reader/module.ts';
import { rowCount } from './slow-reader/module.ts';

const definition = defineModule(board);
const callerCount = 20;
const pauseMs = 50;
const beforeMs = 10_000;
const text = 'x'.repeat(2_000);

const sleep = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

export async function run(args: readonly string[]): Promise<void> {
  const at = args.indexOf('--seconds');
  const stoppedMs = (at < 0 ? 60 : Number(args[at + 1])) * 1_000;
  const server = fork(new URL('./slow-reader/server.ts', import.meta.url), {
    execArgv: ['--conditions=forerun-source', '--disable-warning=ExperimentalWarning'],
  });
  const [{ url }] = (await once(server, 'message')) as [{ url: string }];
  let memory = { rss: 0, arrayBuffers: 0 };
  let peak = memory;
  server.on('message', (told: typeof memory) => {
    memory = told;
    if (told.rss > peak.rss) peak = told;
  });

  const callers = Array.from({ length: callerCount }, () => new WireClient({ definition }));
  await Promise.all(callers.map((caller) => caller.connect(url)));
  let latencies: number[] = [];
  let isOver = false;
  let n = 0;
  const load = callers.map(async (caller) => {
    while (!isOver) {
      const started = performance.now();
      await caller.run('set', { id: n % rowCount, n: n++, text });
      latencies.push(performance.now() - started);
      caller.acknowledge();
      await sleep(pauseMs);
    }
  });

  await sleep(3_000);
  const reader = await subscribe(url);
  await sleep(2_000);
  latencies = [];
  await sleep(beforeMs);
  const before = percentiles(latencies);
  const rssBefore = memory.rss;
  peak = memory;

  reader.pause();
  latencies = [];
  const stopped = performance.now();
  let goneMs: number | undefined;
  // Nothing is read, so that the end shows only in what can be written.
  reader.on('error', () => (goneMs ??= performance.now() - stopped));
  await sleep(stoppedMs);
  const during = percentiles(latencies);
  const rssPeak = peak.rss;
  const ended = once(reader, 'close');
  reader.resume();
  await Promise.race([ended, sleep(5_000)]);
  const wasLetGo = reader.destroyed;

  isOver = true;
  await Promise.all(load);
  const back = new WireClient({ definition });
  await back.connect(url);
  const rows = back.rows('cell');
  const other = new WireClient({ definition });
  await other.connect(url);
  const isSame = JSON.stringify(sorted(rows)) === JSON.stringify(sorted(other.rows('cell')));
  for (const each of [...callers, back, other]) each.close();
  server.send('stop');
  await once(server, 'exit');
  console.log(
    JSON.stringify({
      bench: 'slow-reader',
      p50_before_ms: before.p50,
      p99_before_ms: before.p99,
      p50_during_ms: during.p50,
      p99_during_ms: during.p99,
      p99_ratio: Number((during.p99 / before.p99).toFixed(2)),
      calls_during: during.count,
      mb_above_before: Number(((rssPeak - rssBefore) / 1e6).toFixed(1)),
      let_go: wasLetGo,
      same_rows: isSame && rows.length > 0,
    }),
  );
}

function sorted(rows: readonly Readonly<Record<string, unknown>>[]): unknown[] {
  return [...rows].sort((a, b) => Number(a['id']) - Number(b['id'])).map(({ id, n }) => [id, n]);
}

function percentiles(values: readonly number[]): { count: number; p50: number; p99: number } {
  const ordered = values.toSorted((a, b) => a - b);
  const at = (part: number): number => Number((ordered[Math.floor(ordered.length * part)] ?? 0).toFixed(2));
  return { count: ordered.length, p50: at(0.5), p99: at(0.99) };
}

/** A WebSocket by hand, which can stop reading as a stalled network does. */
async function subscribe(url: string): Promise<Socket> {
  const { hostname, port } = new URL(url);
  const socket = connectSocket(Number(port), hostname);
  await once(socket, 'connect');
  socket.write(
    [
      'GET /v1/database/main/subscribe HTTP/1.1',
      `Host: ${hostname}:${port}`,
      'Upgrade: websocket',
      'Connection: Upgrade',
      'Sec-WebSocket-Version: 13',
      'Sec-WebSocket-Key: c2xvdyByZWFkZXIgYmVuY2g=',
      `Sec-WebSocket-Protocol: ${subprotocol}`,
      '\r\n',
    ].join('\r\n'),
  );
  await once(socket, 'data');
  const writer = new ByteWriter();
  encodeClientMessage(writer, {
    type: 'hello',
    version: protocolVersion,
    moduleHash: definition.hash,
    clientId: clientIdFromBytes(crypto.getRandomValues(new Uint8Array(16))),
    token: '',
    position: undefined,
    settledCallId: 0 as CallId,
    subscriptions: [{ subscriptionId: 1, queries: ['SELECT * FROM cell'] }],
  });
  socket.write(masked(writer.take()));
  socket.on('data', () => {});
  return socket;
}

/** A binary frame of a client; a mask of zeros changes nothing. */
function masked(payload: Uint8Array): Uint8Array {
  const length =
    payload.length < 126 ? [0x80 | payload.length] : [0x80 | 126, payload.length >> 8, payload.length & 255];
  return Uint8Array.of(0x82, ...length, 0, 0, 0, 0, ...payload);
}
