/** The server process of the transfer benchmark: serves the module, tells its parent what it used. */

import { monitorEventLoopDelay } from 'node:perf_hooks';
import { serve } from 'forerun/server';
import * as bank from './module.ts';
import { initLimits } from './module.ts';
import { threadMicros } from './threads.ts';

/** What the server used since it was told to `mark`. */
export interface ServerReport {
  readonly cpuMicros: number;
  /** Of single threads, where the system tells. */
  readonly mainMicros: number | undefined;
  readonly storageMicros: number | undefined;
  readonly batches: number;
  readonly calls: number;
  readonly logBytes: number;
  /** Beyond the milliseconds that the timer sleeps. */
  readonly loopDelayP99Ms: number;
  readonly loopDelayMaxMs: number;
  readonly rssMb: number;
}

const timerMs = 4;

const [folder] = process.argv.slice(2);
const served = await serve({
  module: bank,
  port: 0,
  limits: initLimits,
  ...(folder === undefined ? {} : { data: folder }),
});
let batches = 0;
let calls = 0;
let logBytes = 0;
served.authority.listen({
  durable: (batch) => {
    batches++;
    calls += batch.calls.length;
    logBytes += batch.bytes.length;
  },
  unavailable: () => {},
});
const delay = monitorEventLoopDelay({ resolution: timerMs });
let cpu = process.cpuUsage();
let threads = threadMicros();

function report(): ServerReport {
  const used = process.cpuUsage(cpu);
  const now = threadMicros();
  const since = (name: string): number | undefined => {
    const micros = now.get(name);
    return micros === undefined ? undefined : micros - (threads.get(name) ?? 0);
  };
  const beyondTimer = (nanoseconds: number): number => Math.max(0, Number((nanoseconds / 1e6 - timerMs).toFixed(1)));
  return {
    cpuMicros: used.user + used.system,
    mainMicros: since('main'),
    storageMicros: since('forerun storage'),
    batches,
    calls,
    logBytes,
    loopDelayP99Ms: beyondTimer(delay.percentile(99)),
    loopDelayMaxMs: beyondTimer(delay.max),
    rssMb: Math.round(process.memoryUsage().rss / 1e6),
  };
}

process.on('message', (message) => {
  if (message === 'mark') {
    cpu = process.cpuUsage();
    threads = threadMicros();
    batches = 0;
    calls = 0;
    logBytes = 0;
    delay.reset();
    delay.enable();
  } else if (message === 'report') process.send?.({ type: 'report', ...report() });
  else if (message === 'stop') void served.close().then(() => process.exit(0));
});
process.send?.({ type: 'listening', url: served.url });
