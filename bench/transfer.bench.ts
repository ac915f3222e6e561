/**
 * `npm run bench -- transfer [--alpha 0|1.5] [--connections 64] [--in-flight 40] [--seconds 10]`: durable transfers a
 * second through the real path, client and server as two processes on this machine, and the floors of its parts. Then once
 * more at 100,000 a second, where the server is not to pause.
 */

import { mkdtempSync, readdirSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import type { LoadReport, LoadRequest } from './transfer/client.ts';
import { echoFloor, engineAndLogFloor, engineFloor, fsyncFloorMs } from './transfer/floors.ts';
import { type Child, startChild } from './transfer/processes.ts';
import type { ServerReport } from './transfer/server.ts';
import type { Verdict } from './transfer/verify.ts';

export interface TransferResult {
  readonly load: LoadReport;
  readonly server: ServerReport;
  readonly diskBytes: number;
  readonly verified: boolean;
}

const floorMs = 2_000;
const paced = { rate: 100_000, warmUpMs: 2_000, measureMs: 4_000 } as const;

export async function run(args: readonly string[]): Promise<void> {
  const { values } = parseArgs({
    args: [...args],
    options: {
      alpha: { type: 'string', default: '0' },
      connections: { type: 'string', default: '64' },
      'in-flight': { type: 'string', default: '40' },
      seconds: { type: 'string', default: '10' },
    },
  });
  const alpha = Number(values.alpha);
  const connections = Number(values.connections);
  const inFlight = Number(values['in-flight']);
  const measureMs = Number(values.seconds) * 1000;

  const result = await transferRun({ alpha, connections, inFlight, warmUpMs: 3_000, measureMs });
  const { load } = result;
  const steady = await transferRun({ alpha, connections, inFlight, ...paced });
  const verified = result.verified && steady.verified;
  const engineTps = await engineFloor(alpha, floorMs);
  const logTps = await engineAndLogFloor(alpha, floorMs);
  const echo = await echoFloor(connections, inFlight, Math.round(load.bytesSent / load.committed), floorMs);
  const fsyncMs = fsyncFloorMs();
  print(result);
  printPaced(steady);
  console.log(`floors                engine alone ${engineTps} /s   engine and log ${logTps} /s`);
  console.log(`                      ws echo of the same frames ${echo.tps} /s, p50 ${echo.p50Ms} ms`);
  console.log(
    `                      fsync p50 ${fsyncMs} ms   echo and fsync ${Number((echo.p50Ms + fsyncMs).toFixed(3))} ms`,
  );
  console.log(
    JSON.stringify({
      bench: 'transfer',
      alpha,
      tps: load.tps,
      p50_ms: load.p50Ms,
      p99_ms: load.p99Ms,
      engine_tps: engineTps,
      echo_tps: echo.tps,
      pause_ms: steady.server.loopDelayMaxMs,
      verified,
    }),
  );
}

function print({ load, server, diskBytes }: TransferResult): void {
  const per = (total: number | undefined): string =>
    total === undefined ? 'unknown' : String(Number((total / load.committed).toFixed(2)));
  console.log(`acknowledged          ${load.tps} /s   rejected ${load.rejected}`);
  console.log(`latency               p50 ${load.p50Ms} ms   p99 ${load.p99Ms} ms   p99.9 ${load.p999Ms} ms`);
  console.log(
    `CPU µs per transfer   server ${per(server.cpuMicros)} (main thread ${per(server.mainMicros)}, storage thread ${per(server.storageMicros)})   client ${per(load.cpuMicros)}`,
  );
  console.log(
    `bytes per transfer    sent ${per(load.bytesSent)}   received ${per(load.bytesReceived)}   log ${per(server.logBytes)}   whole folder ${Number((diskBytes / load.total).toFixed(1))}`,
  );
  console.log(`calls per batch       ${(server.calls / server.batches).toFixed(1)}`);
  console.log(
    `server                event loop late by p99 ${server.loopDelayP99Ms} ms, at most ${server.loopDelayMaxMs} ms   memory ${server.rssMb} MB`,
  );
}

function printPaced({ load, server }: TransferResult): void {
  console.log(
    `at ${paced.rate} /s          acknowledged ${load.tps} /s   p50 ${load.p50Ms} ms   p99 ${load.p99Ms} ms   p99.9 ${load.p999Ms} ms   event loop late by at most ${server.loopDelayMaxMs} ms`,
  );
}

/** One run with a fresh server, verified afterwards by a fresh process's recovery. */
export async function transferRun(request: Omit<LoadRequest, 'url'>): Promise<TransferResult> {
  const folder = mkdtempSync(join(tmpdir(), 'forerun-bench-'));
  try {
    const server = startChild('./server.ts', [folder]);
    const { url } = await server.message<{ url: string }>('listening');
    const client = startChild('./client.ts');
    client.process.send({ ...request, url });
    await client.message('measuring');
    server.process.send('mark');
    await client.message('measured');
    const used = await ask(server);
    const load = await client.message<LoadReport>('report');
    server.process.send('stop');
    await server.exited;
    const diskBytes = readdirSync(folder).reduce((sum, file) => sum + statSync(join(folder, file)).size, 0);
    return { load, server: used, diskBytes, verified: await verify(folder, load) };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function ask(server: Child): Promise<ServerReport> {
  server.process.send('report');
  return server.message('report');
}

async function verify(folder: string, load: LoadReport): Promise<boolean> {
  const child = startChild('./verify.ts', [folder, String(load.total)]);
  const { problem } = await child.message<Verdict>('verdict');
  if (problem !== undefined) console.error(`not verified: ${problem}`);
  return problem === undefined;
}
