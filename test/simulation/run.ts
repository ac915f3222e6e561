/**
 * `npm run simulate -- --seeds 10000 [--from SEED] [--jobs THREADS]`: the worlds of so many seeds, on all cores, until one
 * fails. The failing seed prints the command that runs it again, alone, with the end of its story.
 */

import { availableParallelism } from 'node:os';
import { parseArgs } from 'node:util';
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads';
import { simulate, type WorldStats } from './world.ts';

interface Share {
  readonly from: number;
  readonly to: number;
  readonly step: number;
}

type Report =
  | { readonly type: 'lived'; readonly seed: number; readonly hash: string; readonly stats: WorldStats }
  | { readonly type: 'failed'; readonly seed: number; readonly story: string };

const progressEveryMs = 5_000;

async function runAll(): Promise<void> {
  const { from, seeds, jobs } = wanted();
  const progress = new Progress(seeds);
  const failures: Extract<Report, { type: 'failed' }>[] = [];
  const hear = (report: Report): void => {
    if (report.type === 'failed') failures.push(report);
    else progress.add(report);
  };
  const workers = Array.from({ length: jobs }, (_, i) =>
    start({ from: from + i, to: from + seeds, step: jobs }, hear, () => failures.length > 0),
  );
  await Promise.all(workers);
  progress.end();
  const first = failures.sort((a, b) => a.seed - b.seed)[0];
  if (first === undefined) return;
  console.error(`\n${first.story}\n\nreplay: npm run simulate -- --seeds 1 --from ${first.seed}`);
  process.exitCode = 1;
}

/** Exits where it can't be done: a run of no worlds proves nothing. */
function wanted(): { readonly from: number; readonly seeds: number; readonly jobs: number } {
  try {
    const { values } = parseArgs({
      options: {
        seeds: { type: 'string', default: '1000' },
        from: { type: 'string', default: '1' },
        jobs: { type: 'string', default: String(availableParallelism()) },
      },
    });
    const count = (name: 'seeds' | 'from' | 'jobs'): number => {
      const value = Number(values[name]);
      if (Number.isSafeInteger(value) && value >= 1) return value;
      throw new RangeError(`--${name} takes a whole number from 1 on, not '${values[name]}'.`);
    };
    const [from, seeds] = [count('from'), count('seeds')];
    return { from, seeds, jobs: Math.min(count('jobs'), seeds) };
  } catch (error) {
    console.error(`${error instanceof Error ? error.message : error}
npm run simulate -- [--seeds N] [--from SEED] [--jobs N]`);
    process.exit(2);
  }
}

function start(share: Share, hear: (report: Report) => void, isOver: () => boolean): Promise<void> {
  const worker = new Worker(new URL(import.meta.url), { workerData: share });
  return new Promise((resolve, reject) => {
    worker.on('message', (report: Report) => {
      hear(report);
      // The others hear of a failure with their next report.
      if (isOver()) void worker.terminate();
    });
    worker.on('error', reject);
    worker.on('exit', () => resolve());
  });
}

async function runShare({ from, to, step }: Share): Promise<void> {
  const tell = (report: Report): void => parentPort?.postMessage(report);
  for (let seed = from; seed < to; seed += step) {
    try {
      tell({ type: 'lived', seed, ...(await simulate(seed)) });
    } catch (error) {
      return tell({ type: 'failed', seed, story: error instanceof Error ? error.message : String(error) });
    }
  }
}

/** What has been lived through, as lines on the terminal. */
class Progress {
  readonly #seeds: number;
  readonly #startedMs = performance.now();
  readonly #totals: Record<string, number> = {};
  #toldMs = performance.now();
  #lived = 0;

  constructor(seeds: number) {
    this.#seeds = seeds;
  }

  add({ seed, hash, stats }: Extract<Report, { type: 'lived' }>): void {
    this.#lived++;
    for (const [what, times] of Object.entries(stats)) this.#totals[what] = (this.#totals[what] ?? 0) + Number(times);
    if (this.#seeds === 1) console.log(`seed ${seed}: trace ${hash}`);
    if (performance.now() - this.#toldMs < progressEveryMs) return;
    this.#toldMs = performance.now();
    const perSecond = this.#lived / ((this.#toldMs - this.#startedMs) / 1000);
    const leftSeconds = Math.ceil((this.#seeds - this.#lived) / perSecond);
    console.log(`${this.#lived} of ${this.#seeds} worlds, ${perSecond.toFixed(1)} a second, ${leftSeconds} s to go`);
  }

  end(): void {
    console.log(JSON.stringify({ worlds: this.#lived, ...this.#totals }));
  }
}

if (isMainThread) await runAll();
else await runShare(workerData as Share);
