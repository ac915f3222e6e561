/**
 * Fills the flights' table from the data set, as the database itself, a few thousand rows a call. A load that was
 * interrupted goes on where it stopped: rows come in the order of their ids.
 */

import { readFile } from 'node:fs/promises';
import { SingleBar } from 'cli-progress';
import type { OwnDatabase, OwnReducers } from 'forerun/vite';
import type * as flights from './module.ts';

/** One of the 200,000 US flights of 2001 in vega-datasets, ordered by the time of day. */
interface Flight {
  readonly delay: number;
  readonly distance: number;
  readonly time: number;
}

const rowsPerCall = 2_000;

export interface FlightsTable {
  readonly importFlights: OwnReducers<typeof flights>['importFlights'];
  readonly query: OwnDatabase['query'];
}

/** The database of a dev server. */
export function loadFlights(database: OwnDatabase, rowsMax?: number): Promise<void> {
  const { importFlights } = database.reducers<typeof flights>();
  return fillFlights({ importFlights, query: database.query }, rowsMax);
}

/** `rowsMax`: take so many, evenly spread over the day. */
export async function fillFlights(
  { importFlights, query }: FlightsTable,
  rowsMax = Number.POSITIVE_INFINITY,
): Promise<void> {
  const source = new URL('../data/flights-200k.json', import.meta.resolve('vega-datasets'));
  const all: readonly Flight[] = JSON.parse(await readFile(source, 'utf8'));
  const step = Math.max(1, Math.floor(all.length / rowsMax));
  const rows = all
    .filter((_, i) => i % step === 0)
    .slice(0, rowsMax)
    .map(({ delay, distance, time }, id) => ({ id, delay, distance, time, hour: Math.floor(time), note: '' }));

  const loaded = Number(query('SELECT count(*) FROM flight')[0]?.[0]);
  if (loaded >= rows.length) return;
  const progress = showProgress(rows.length);
  for (let from = loaded; from < rows.length; from += rowsPerCall) {
    progress.at(from);
    await importFlights({ rows: rows.slice(from, from + rowsPerCall) });
  }
  progress.end();
}

interface Progress {
  readonly at: (rows: number) => void;
  readonly end: () => void;
}

/** A bar where somebody watches, and a line per quarter where a file does. */
function showProgress(total: number): Progress {
  if (process.stderr.isTTY) {
    const bar = new SingleBar({
      format: '  ➜  Flights {bar} {value}/{total} in {duration_formatted}',
      hideCursor: true,
    });
    bar.start(total, 0);
    return {
      at: (rows) => bar.update(rows),
      end: () => {
        bar.update(total);
        bar.stop();
      },
    };
  }
  let quarter = -1;
  const print = (rows: number): boolean => process.stderr.write(`  ➜  Flights: ${rows} of ${total} rows\n`);
  return {
    at: (rows) => {
      const reached = Math.floor((4 * rows) / total);
      if (reached > quarter) print(rows);
      quarter = reached;
    },
    end: () => void print(total),
  };
}
