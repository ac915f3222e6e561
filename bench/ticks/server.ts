/** The server process of the ticks benchmark: tells when each tick ran, as long as nothing else is asked of it and then under load. */

import { serve } from 'forerun/server';
import { initLimits } from '../transfer/module.ts';
import * as game from './module.ts';
import { clocks } from './module.ts';

/** By this machine's monotonic clock, which all its processes share. */
export interface TickReport {
  readonly skip: readonly number[];
  readonly catchUp: readonly number[];
  /** Batches that were written while nothing but the clocks ran. */
  readonly batches: number;
}

const nowMs = (): number => Number(process.hrtime.bigint() / 1_000n) / 1_000;

const [folder = ''] = process.argv.slice(2);
const served = await serve({ module: game, port: 0, data: folder, limits: initLimits });
const { authority } = served;
const worldId = authority.definition.tables.findIndex(({ accessor }) => accessor === 'world');
const ran: { skip: number[]; catchUp: number[] } = { skip: [], catchUp: [] };
let batches = 0;
authority.listen({
  executed: (_seq, changes) => {
    for (const { tableId, key } of changes)
      if (tableId === worldId) ran[key === clocks.skip ? 'skip' : 'catchUp'].push(nowMs());
  },
  durable: () => batches++,
  unavailable: () => {},
});
process.on('message', (message) => {
  if (message === 'take') {
    process.send?.({ type: 'ticks', ...ran, batches });
    ran.skip = [];
    ran.catchUp = [];
    batches = 0;
  } else if (message === 'stop') void served.close().then(() => process.exit(0));
});
process.send?.({ type: 'listening', url: served.url });
