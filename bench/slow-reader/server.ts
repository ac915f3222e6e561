/** Serves the board, and says every 200 ms how much memory it takes and how many connections it has. */

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { serve } from 'forerun/server';
import * as board from './module.ts';

const data = mkdtempSync(join(tmpdir(), 'forerun-slow-'));
const served = await serve({ module: board, data, port: 0 });
process.send?.({ url: served.url });
setInterval(() => {
  const { rss, arrayBuffers } = process.memoryUsage();
  process.send?.({ rss, arrayBuffers });
}, 200);
process.on('message', async () => {
  await served.close();
  rmSync(data, { recursive: true, force: true });
  process.exit(0);
});
