/** `npm run bench -- spine`: the whole path in short, 64 connections with 40 calls in flight, beside the engine alone. */

import { engineFloor } from './transfer/floors.ts';
import { transferRun } from './transfer.bench.ts';

export async function run(): Promise<void> {
  const { load, verified } = await transferRun({
    alpha: 0,
    connections: 64,
    inFlight: 40,
    warmUpMs: 2_000,
    measureMs: 5_000,
  });
  if (!verified) throw new Error('the recovered database is not what was acknowledged');
  const engineTps = await engineFloor(0, 2_000);
  console.log(JSON.stringify({ bench: 'spine', tps: load.tps, engine_tps: engineTps }));
}
