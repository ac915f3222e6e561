/** The server process of the rooms benchmark: tells its parent what CPU it used, and how long its loop was held up. */

import { monitorEventLoopDelay } from 'node:perf_hooks';
import { serve } from 'forerun/server';
import * as rooms from './module.ts';

const served = await serve({ module: rooms, port: 0 });
const delay = monitorEventLoopDelay({ resolution: 1 });
let cpu = process.cpuUsage();
let seq = served.authority.durableSeq;
process.on('message', (message) => {
  if (message === 'mark') {
    cpu = process.cpuUsage();
    seq = served.authority.durableSeq;
    delay.reset();
    delay.enable();
  } else if (message === 'report') {
    const used = process.cpuUsage(cpu);
    process.send?.({
      type: 'report',
      cpuMicros: used.user + used.system,
      commits: served.authority.durableSeq - seq,
      loopDelayMaxMs: Number((delay.max / 1e6).toFixed(1)),
      loopDelayP99Ms: Number((delay.percentile(99) / 1e6).toFixed(1)),
    });
  } else if (message === 'stop') void served.close().then(() => process.exit(0));
});
process.send?.({ type: 'listening', url: served.url });
