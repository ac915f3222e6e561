/** The server process of the transfer benchmark: serves the module, tells its parent what it used. */

import { serve } from 'forerun/server';
import * as bank from './module.ts';

const [folder] = process.argv.slice(2);
const served = await serve({ module: bank, port: 0, ...(folder === undefined ? {} : { data: folder }) });
let batches = 0;
let calls = 0;
served.authority.listen({
  durable: (batch) => {
    batches++;
    calls += batch.calls.length;
  },
  unavailable: () => {},
});
let cpu = process.cpuUsage();
process.on('message', (message) => {
  if (message === 'mark') {
    cpu = process.cpuUsage();
    batches = 0;
    calls = 0;
  } else if (message === 'report') {
    const used = process.cpuUsage(cpu);
    process.send?.({
      type: 'report',
      cpuMicros: used.user + used.system,
      batches,
      calls,
      rssMb: Math.round(process.memoryUsage().rss / 1e6),
    });
  } else if (message === 'stop') void served.close().then(() => process.exit(0));
});
process.send?.({ type: 'listening', url: served.url });
