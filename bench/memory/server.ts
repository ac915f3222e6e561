/** The server process of the memory benchmark: makes the rows it is told to, or none, and tells what memory it takes. */

import { serve } from 'forerun/server';
import { ownCalls } from './own-calls.ts';
import * as bank from './module.ts';

const [folder = '', rows = '0'] = process.argv.slice(2);
const startMs = performance.now();
const served = await serve({ module: bank, data: folder, port: 0 });
const startedMs = Math.round(performance.now() - startMs);
await ownCalls(served.authority, Number(rows));
/** The table's rows in the file are brought up to date when nothing is called for a while. */
const settleMs = 3_000;
setTimeout(() => {
  const { rss, heapUsed, external, arrayBuffers } = process.memoryUsage();
  const count = served.authority.engine.store(0).count;
  process.send?.({ type: 'report', rss, heapUsed, external, arrayBuffers, count, startedMs });
}, settleMs);
process.on('message', () => void served.close().then(() => process.exit(0)));
