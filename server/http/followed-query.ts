/**
 * How a query's result changes, as it does: for people who watch. Programs subscribe with a client.
 *
 * Law: what is told is durable; the rows told of, inserts less deletes, are the result as of the last telling.
 */

import type { Authority } from '../../core/authority/authority.ts';
import { sqlToJson } from './json-values.ts';
import type { QueryResult } from './sql.ts';

export type ResultChange =
  | { readonly insert: Readonly<Record<string, unknown>> }
  | { readonly delete: Readonly<Record<string, unknown>> };

/** The query runs on the thread of the authority: not more often than a person can read. */
const pauseMs = 100;

/** Tells the rows that are there first. The result stops it. */
export function followQuery(
  authority: Authority,
  query: () => QueryResult,
  tell: (change: ResultChange) => void,
  failed: (error: unknown) => void,
): () => void {
  let told = new Map<string, number>();
  let timer: NodeJS.Timeout | undefined;
  const look = (): void => {
    timer = undefined;
    try {
      // What is executed and not yet durable is told with the batch that makes it so.
      if (authority.executedBatch > authority.durableBatch) return;
      const now = counted(query());
      for (const [row, change] of difference(told, now))
        for (let n = Math.abs(change); n > 0; n--) tell(asChange(row, change));
      told = now;
    } catch (error) {
      stop();
      failed(error);
    }
  };
  const soon = (): void => void (timer ??= setTimeout(look, pauseMs));
  const stopListening = authority.listen({ durable: soon, unavailable: failed });
  const stop = (): void => {
    stopListening();
    clearTimeout(timer);
  };
  soon();
  return stop;
}

/** How often each row is there. */
function counted({ columns, rows }: QueryResult): Map<string, number> {
  const counts = new Map<string, number>();
  for (const row of rows) {
    const text = JSON.stringify(Object.fromEntries(columns.map((name, at) => [name, sqlToJson(row[at] ?? null)])));
    counts.set(text, (counts.get(text) ?? 0) + 1);
  }
  return counts;
}

/** Deletes first, so that an update reads as one. */
function* difference(
  before: ReadonlyMap<string, number>,
  after: ReadonlyMap<string, number>,
): Generator<[string, number]> {
  for (const [row, count] of before) {
    const gone = (after.get(row) ?? 0) - count;
    if (gone < 0) yield [row, gone];
  }
  for (const [row, count] of after) {
    const come = count - (before.get(row) ?? 0);
    if (come > 0) yield [row, come];
  }
}

function asChange(row: string, change: number): ResultChange {
  return change > 0 ? { insert: JSON.parse(row) } : { delete: JSON.parse(row) };
}
