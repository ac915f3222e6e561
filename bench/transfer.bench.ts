/**
 * `npm run bench -- transfer [--alpha 0|1.5] [--connections 64] [--in-flight 40] [--seconds 10]`: durable transfers a
 * second through the real path, client and server as two processes on this machine, and the floors of its parts.
 */

import { mkdtempSync, rmSync, statSync } from 'node:fs';
import { readdirSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { serve } from 'forerun/server';
import type { LoadReport, LoadRequest } from './transfer/client.ts';
import { echoFloor, engineFloor } from './transfer/floors.ts';
import * as bank from './transfer/module.ts';
import { accountCount, initialBalance } from './transfer/module.ts';
import { type Child, startChild } from './transfer/processes.ts';

export interface TransferResult {
  readonly load: LoadReport;
  readonly server: {
    readonly cpuMicros: number;
    readonly batches: number;
    readonly calls: number;
    readonly rssMb: number;
  };
  readonly diskBytes: number;
  readonly verified: boolean;
}

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

  const { load, server, diskBytes, verified } = await transferRun({
    alpha,
    connections,
    inFlight,
    warmUpMs: 3_000,
    measureMs,
  });
  const engineTps = await engineFloor(alpha, 2_000);
  const bytesPerCall = Math.round(load.bytesSent / load.committed);
  const echoTps = await echoFloor(connections, inFlight, bytesPerCall, 2_000);
  const per = (total: number): number => Number((total / load.committed).toFixed(2));
  console.log(`acknowledged          ${load.tps} /s   rejected ${load.rejected}`);
  console.log(`latency               p50 ${load.p50Ms} ms   p99 ${load.p99Ms} ms   p99.9 ${load.p999Ms} ms`);
  console.log(`CPU per transfer      server ${per(server.cpuMicros)} µs   client ${per(load.cpuMicros)} µs`);
  console.log(
    `bytes per transfer    sent ${per(load.bytesSent)}   received ${per(load.bytesReceived)}   disk ${Number((diskBytes / load.total).toFixed(1))}`,
  );
  console.log(`calls per batch       ${(server.calls / server.batches).toFixed(1)}   server memory ${server.rssMb} MB`);
  console.log(`floors                engine alone ${engineTps} /s   ws echo of the same frames ${echoTps} /s`);
  console.log(
    JSON.stringify({
      bench: 'transfer',
      alpha,
      tps: load.tps,
      p50_ms: load.p50Ms,
      p99_ms: load.p99Ms,
      engine_tps: engineTps,
      echo_tps: echoTps,
      verified,
    }),
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

function ask(server: Child): Promise<TransferResult['server']> {
  server.process.send('report');
  return server.message('report');
}

/** The sum of all balances is what it was, and the log holds exactly the acknowledged transfers (and `init`). */
async function verify(folder: string, load: LoadReport): Promise<boolean> {
  const served = await serve({ module: bank, data: folder, port: 0 });
  const { engine } = served.authority;
  const [[sum, count] = []] = engine.select('SELECT sum(balance), count(*) FROM account').rows;
  const isWhole = BigInt(Number(sum)) === BigInt(accountCount) * initialBalance && count === accountCount;
  const isExact = served.authority.durableSeq === load.total + 1;
  await served.close();
  if (!isWhole || !isExact)
    console.error(
      `not verified: sum ${sum}, rows ${count}, seq ${served.authority.durableSeq}, acknowledged ${load.total}`,
    );
  return isWhole && isExact;
}
