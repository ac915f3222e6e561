/** What has changed between a text and another one, by the rows that hold them. */

import type { ChunkRow } from './text.ts';

/** A stretch of a text, and what stands there in another one. */
export interface Difference {
  readonly from: number;
  readonly to: number;
  readonly insert: string;
}

/** Chunks that are the same rows are the same text: the stretches between those, at costs of what has changed alone. */
export function changedStretches(before: readonly ChunkRow[], after: readonly ChunkRow[]): Difference[] {
  const places = new Map(before.map((chunk, i) => [chunk, i]));
  const found: Difference[] = [];
  let reached = 0;
  let place = 0;
  let insert = '';
  const skipTo = (end: number): void => {
    const from = place;
    for (; reached < end; reached++) place += before[reached]?.text.length ?? 0;
    if (place > from || insert !== '') found.push({ from, to: place, insert });
    insert = '';
  };
  for (const chunk of after) {
    const kept = places.get(chunk);
    // Chunks never change places; one that did would count as new.
    if (kept === undefined || kept < reached) {
      insert += chunk.text;
      continue;
    }
    skipTo(kept);
    place += chunk.text.length;
    reached = kept + 1;
  }
  skipTo(before.length);
  return found;
}

/** Without what is the same at both ends, so that cursors beside it stay where they are. */
export function trimmed(from: number, stale: string, fresh: string): Difference | undefined {
  if (stale === fresh) return undefined;
  const most = Math.min(stale.length, fresh.length);
  let start = 0;
  while (start < most && stale[start] === fresh[start]) start++;
  let end = 0;
  while (end < most - start && stale[stale.length - 1 - end] === fresh[fresh.length - 1 - end]) end++;
  return { from: from + start, to: from + stale.length - end, insert: fresh.slice(start, fresh.length - end) };
}
