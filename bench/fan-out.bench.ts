/**
 * `npm run bench -- fan-out [--subscribers 1000] [--rate 50] [--seconds 8]`: one writer, many subscribers of the same
 * table; what arrives a second and how long the last one waits, beside a bare `ws` server that sends the same bytes to the
 * same number of sockets. Both first at the given rate, which is what the line of JSON tells, then one commit after the other
 * as fast as the last subscriber gets them, where ours also waits for the disk each time.
 */

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { type Audience, listen, subscribe } from './fan-out/audience.ts';
import { Histogram } from './transfer/histogram.ts';
import { startChild } from './transfer/processes.ts';

interface FanOutResult {
  readonly pacedPerS: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly fullPerS: number;
}

/** A commit of the benchmark's module as a subscriber is sent it: tag, seqs, time, one change of a row. */
const messageBytes = 93;
const sleep = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

export async function run(args: readonly string[]): Promise<void> {
  const { values } = parseArgs({
    args: [...args],
    options: {
      subscribers: { type: 'string', default: '1000' },
      rate: { type: 'string', default: '50' },
      seconds: { type: 'string', default: '8' },
    },
  });
  const plan = {
    subscribers: Number(values.subscribers),
    rate: Number(values.rate),
    ms: Number(values.seconds) * 500,
  };
  const folder = mkdtempSync(join(tmpdir(), 'forerun-bench-'));
  try {
    const ours = await measure(['ours', folder], plan, subscribe);
    const bare = await measure(['bare'], plan, (url, count, seen) => listen(url, count, messageBytes, seen));
    print('Forerun', plan.rate, ours);
    print('bare ws', plan.rate, bare);
    console.log(
      JSON.stringify({
        bench: 'fan-out',
        delivered_per_s: ours.pacedPerS,
        floor_per_s: bare.pacedPerS,
        p99_ms: ours.p99Ms,
      }),
    );
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function print(name: string, rate: number, { pacedPerS, p50Ms, p99Ms, fullPerS }: FanOutResult): void {
  console.log(
    `${name}   ${rate} commits/s: ${pacedPerS} delivered /s, call to last subscriber p50 ${p50Ms} ms p99 ${p99Ms} ms   one after the other: ${fullPerS} delivered /s`,
  );
}

async function measure(
  server: readonly string[],
  { subscribers, rate, ms }: { readonly subscribers: number; readonly rate: number; readonly ms: number },
  open: (url: string, subscribers: number, seen: (seq: number) => void) => Promise<Audience>,
): Promise<FanOutResult> {
  const child = startChild('../fan-out/server.ts', server);
  const { url } = await child.message<{ url: string }>('listening');
  /** How many have seen each message, by its number. */
  const counts = new Map<number, number>();
  const sentMs: number[] = [];
  const latencies = new Histogram();
  let delivered = 0;
  let complete = (): void => {};
  const audience = await open(url, subscribers, (seq) => {
    delivered++;
    const count = (counts.get(seq) ?? 0) + 1;
    counts.set(seq, count);
    if (count < subscribers) return;
    counts.delete(seq);
    latencies.add(performance.now() - (sentMs.shift() ?? performance.now()));
    complete();
  });
  const write = (): void => {
    sentMs.push(performance.now());
    audience.write();
  };
  const paced = async (forMs: number): Promise<number> => {
    delivered = 0;
    latencies.clear();
    const startMs = performance.now();
    for (let i = 0; performance.now() - startMs < forMs; i++) {
      write();
      await sleep(Math.max(0, startMs + ((i + 1) * 1000) / rate - performance.now()));
    }
    while (sentMs.length > 0) await sleep(1);
    return Math.round((delivered / (performance.now() - startMs)) * 1000);
  };
  const full = async (forMs: number): Promise<number> => {
    delivered = 0;
    const startMs = performance.now();
    while (performance.now() - startMs < forMs) {
      const arrived = new Promise<void>((resolve) => (complete = resolve));
      write();
      await arrived;
    }
    complete = () => {};
    return Math.round((delivered / (performance.now() - startMs)) * 1000);
  };
  await paced(ms / 4);
  const pacedPerS = await paced(ms);
  const [p50Ms, p99Ms] = [latencies.quantile(0.5), latencies.quantile(0.99)];
  await full(ms / 4);
  const fullPerS = await full(ms);
  audience.close();
  child.process.disconnect();
  await child.exited;
  return { pacedPerS, p50Ms, p99Ms, fullPerS };
}
