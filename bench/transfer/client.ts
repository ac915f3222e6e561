/** The client process of the transfer benchmark: warms up, measures, reports to its parent. */

import { defineModule } from 'forerun';
import { Load } from './load.ts';
import { accountCount } from './module.ts';
import { drawPairs } from './pairs.ts';

export interface LoadRequest {
  readonly url: string;
  /** Of a file with the reducer `transfer` and these accounts. Default: the bank's. */
  readonly module?: string;
  readonly connections: number;
  readonly inFlight: number;
  readonly rate?: number;
  readonly alpha: number;
  readonly warmUpMs: number;
  readonly measureMs: number;
}

export interface LoadReport {
  readonly tps: number;
  readonly committed: number;
  readonly rejected: number;
  /** Acknowledged since the start, warm-up and drain included. */
  readonly total: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly p999Ms: number;
  readonly cpuMicros: number;
  readonly bytesSent: number;
  readonly bytesReceived: number;
}

const sleep = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

async function measure(request: LoadRequest): Promise<LoadReport> {
  const definition = defineModule(await import(request.module ?? './module.ts'));
  const reducerId = definition.reducers.findIndex(({ accessor }) => accessor === 'transfer');
  const pairs = drawPairs(accountCount, request.alpha, 1_000_000);
  const load = await Load.open({ ...request, moduleHash: definition.hash, reducerId, pairs });
  load.start();
  await sleep(request.warmUpMs);
  const warm = load.committed;
  load.reset();
  process.send?.({ type: 'measuring' });
  const cpu = process.cpuUsage();
  const startMs = performance.now();
  await sleep(request.measureMs);
  const seconds = (performance.now() - startMs) / 1000;
  const used = process.cpuUsage(cpu);
  const { committed, rejected, bytesSent, bytesReceived, latencies } = load;
  const report = {
    tps: Math.round(committed / seconds),
    committed,
    rejected,
    p50Ms: latencies.quantile(0.5),
    p99Ms: latencies.quantile(0.99),
    p999Ms: latencies.quantile(0.999),
    cpuMicros: used.user + used.system,
    bytesSent,
    bytesReceived,
  };
  process.send?.({ type: 'measured' });
  await load.stop();
  return { ...report, total: warm + load.committed };
}

process.on('message', (request: LoadRequest) => {
  void measure(request).then((report) => {
    process.send?.({ type: 'report', ...report });
    process.disconnect();
  });
});
