/**
 * `npm run simulate -- --seeds 10000 [--from SEED]`: worlds one after the other, until one fails. `--trace` prints the
 * end of each world's story.
 */

import { parseArgs } from 'node:util';
import { simulate, type WorldStats } from './world.ts';

const { values } = parseArgs({
  options: { seeds: { type: 'string', default: '1000' }, from: { type: 'string', default: '1' } },
});
const from = Number(values.from);
const seeds = Number(values.seeds);
const startedMs = performance.now();
const progressEvery = 100;

const totals: Record<string, number> = {};
for (let seed = from; seed < from + seeds; seed++) {
  try {
    const { hash, stats } = await simulate(seed);
    add(stats);
    if (seeds === 1) console.log(`seed ${seed}: trace ${hash}`);
    else if ((seed - from + 1) % progressEvery === 0) progress(seed);
  } catch (error) {
    console.error(error instanceof Error ? error.message : error);
    console.error(`\nreplay: npm run simulate -- --seeds 1 --from ${seed}`);
    process.exitCode = 1;
    break;
  }
}
console.log(JSON.stringify(totals));

function add(stats: WorldStats): void {
  for (const [what, times] of Object.entries(stats)) totals[what] = (totals[what] ?? 0) + Number(times);
}

function progress(seed: number): void {
  const done = seed - from + 1;
  const perSecond = (done / (performance.now() - startedMs)) * 1000;
  console.log(`${done} of ${seeds} worlds, ${perSecond.toFixed(1)} a second`);
}
