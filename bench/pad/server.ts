/** The server process of the pad benchmark. */

import { serve } from 'forerun/server';
import * as pad from '../../demo/pad/module.ts';

const [folder = ''] = process.argv.slice(2);
const served = await serve({ module: pad, port: 0, data: folder });
process.on('message', (message) => {
  if (message === 'report') process.send?.({ type: 'report', cpuMicros: process.cpuUsage().user });
  else if (message === 'stop') void served.close().then(() => process.exit(0));
});
process.send?.({ type: 'listening', url: served.url });
