/**
 * What the predict benchmark does in a page: calls a reducer and waits until a live query has the changed row, in turns
 * with comlink's bare round trip.
 */

import { wrap } from 'comlink';
import { connect } from 'forerun/client';
import * as shop from './module.ts';

declare global {
  interface Window {
    predict: (turns: number, kind: Kind) => Promise<Latencies>;
  }
}

/** In the order in which they were measured. */
export interface Latencies {
  readonly predictMs: number[];
  readonly comlinkMs: number[];
  readonly rows: number;
  readonly isIsolated: boolean;
  readonly storage: string;
  /** Calls that the authority has confirmed. */
  readonly confirmed: number;
}

/** `shared`: as a page gets it that asks for nothing else. `own`: with a worker of its own, which keeps nothing. */
export type Kind = 'shared' | 'own';

interface Echo {
  readonly echo: (value: number) => number;
}

/** So many, since V8 compiles on the other core for seconds, and what waits for that core is not what is asked about. */
const warmTurns = 1_000;
/** Somebody who clicks does not wait for the network, and clicks no quicker. */
const restMs = 4;

window.predict = async (turns, kind) => {
  const echo = wrap<Echo>(echoOf(kind));
  const client = connect({ module: shop, storage: kind === 'shared' ? 'device' : 'memory' });
  await client.ready();
  const room = 500;
  const live = client.live(client.tables.item.where((item) => item.room.eq(room)));
  const first = await live.ready();
  const counted = client.live<{ rows: number }>('SELECT count(*) AS rows FROM item');
  const [all] = await counted.ready();
  // SQL over the whole table would run again with each call, in the same step as the query that is measured.
  counted.close();

  const predictMs: number[] = [];
  const comlinkMs: number[] = [];
  for (let turn = -warmTurns; turn < turns; turn++) {
    await rest();
    const id = first[Math.abs(turn * 7) % first.length]?.id ?? 0;
    const score = live.rows.find((row) => row.id === id)?.score;
    const startMs = performance.now();
    const isShown = shown(live, () => live.rows.find((row) => row.id === id)?.score !== score);
    client.reducers.bump({ id });
    const ms = (await isShown) - startMs;
    await rest();
    const askedMs = performance.now();
    await echo.echo(turn);
    const echoedMs = performance.now() - askedMs;
    if (turn < 0) continue;
    predictMs.push(ms);
    comlinkMs.push(echoedMs);
  }
  const result = {
    predictMs,
    comlinkMs,
    rows: all?.rows ?? 0,
    isIsolated: crossOriginIsolated,
    storage: client.status.storage.type,
    confirmed: client.counters.confirmed,
  };
  await client.close();
  return result;
};

/** A worker of the same kind, behind comlink and nothing else. */
function echoOf(kind: Kind): Worker | MessagePort {
  if (kind === 'own') return new Worker(new URL('./echo.worker.ts', import.meta.url), { type: 'module' });
  const { port } = new SharedWorker(new URL('./echo.worker.ts', import.meta.url), { type: 'module' });
  port.start();
  return port;
}

/** When the live rows are those that were waited for, as their listener hears it. */
function shown(
  live: { readonly subscribe: (listener: () => void) => () => void },
  isThere: () => boolean,
): Promise<number> {
  return new Promise((resolve) => {
    const stop = live.subscribe(() => {
      if (!isThere()) return;
      stop();
      resolve(performance.now());
    });
  });
}

function rest(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, restMs));
}
