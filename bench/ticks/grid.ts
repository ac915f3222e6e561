/** How late something is that should happen at the points of a grid, from the moments at which it did. */

import { Histogram } from '../transfer/histogram.ts';
import { intervalMicros } from './module.ts';

const intervalMs = intervalMicros / 1_000;
/** The earliest calm moment may have been a little late itself. */
const earlyMs = 1;

export interface GridReport {
  /** A second. */
  readonly rate: number;
  /** Behind the point that it was for. */
  readonly lateP50Ms: number;
  readonly lateP99Ms: number;
  readonly lateMaxMs: number;
  /** Points for which it did not happen. */
  readonly missed: number;
}

export interface Moments {
  /** From before, while nothing was late: the grid is as early as the earliest of them says. */
  readonly calm: readonly number[];
  /** Between the two, of which there is no report: so many. */
  readonly warmUp: number;
  readonly busy: readonly number[];
}

/** With `isCounted`, each moment is for the point after that of the one before it; otherwise for the last point there was. */
export function gridReport({ calm, warmUp, busy }: Moments, isCounted: boolean): GridReport {
  const [first = 0] = calm;
  const offsets = calm.map((at) => {
    const points = Math.round((at - first) / intervalMs);
    return at - points * intervalMs;
  });
  const origin = Math.min(...offsets);
  const pointBefore = (at: number): number => Math.floor((at - origin + earlyMs) / intervalMs);
  const late = new Histogram();
  let lateMaxMs = 0;
  const [begin = 0, end = 0] = [busy[0], busy.at(-1)];
  const firstPoint = isCounted ? calm.length + warmUp : pointBefore(begin);
  for (const [i, at] of busy.entries()) {
    const point = isCounted ? firstPoint + i : pointBefore(at);
    const lateMs = Math.max(0, at - origin - point * intervalMs);
    late.add(lateMs);
    lateMaxMs = Math.max(lateMaxMs, lateMs);
  }
  const points = pointBefore(end) - firstPoint;
  return {
    rate: Number(((busy.length - 1) / ((end - begin) / 1000)).toFixed(2)),
    lateP50Ms: late.quantile(0.5),
    lateP99Ms: late.quantile(0.99),
    lateMaxMs: Number(lateMaxMs.toFixed(1)),
    missed: Math.max(0, points - (busy.length - 1)),
  };
}
