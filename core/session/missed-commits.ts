/**
 * What a client that comes back has missed, for its own queries: rows that entered, changed or left. Where it is not known
 * what a row was before, a row that is in none of the queries now is told to have left, which says nothing to a client
 * that never had it.
 */

import { ByteWriter } from '../codec/bytes.ts';
import type { Seq } from '../commit/call.ts';
import type { Row } from '../commit/row-change.ts';
import { encodeLeave } from '../engine/change-codec.ts';
import type { RowShape } from '../engine/row-shape.ts';
import { beginCommit, type CommitBytes } from './fan-out.ts';
import type { RecentBatch } from './recent-batches.ts';
import type { SharedQuery } from './shared-query.ts';

export function missedCommits(
  batches: readonly RecentBatch[],
  span: { readonly after: Seq; readonly lastSeq: Seq },
  queries: readonly SharedQuery[],
  shapeOf: (tableId: number) => RowShape,
): { readonly commits: CommitBytes; readonly isEmpty: boolean } {
  const { after, lastSeq } = span;
  const byTable = new Map<number, SharedQuery[]>();
  for (const query of queries) {
    const known = byTable.get(query.table.tableId);
    if (known === undefined) byTable.set(query.table.tableId, [query]);
    else known.push(query);
  }
  const body = new ByteWriter();
  let count = 0;
  for (const { commits, bytes, isBeforeKnown } of batches) {
    for (const commit of commits) {
      if (commit.seq <= after) continue;
      const told = commit.changes.flatMap((change, i) => {
        const asked = byTable.get(change.tableId);
        const is = isIn(asked, change.after);
        const was = isBeforeKnown ? isIn(asked, change.before) : asked !== undefined;
        return is || was ? [{ change, i, is }] : [];
      });
      if (told.length === 0) continue;
      count++;
      beginCommit(body, commit, lastSeq, told.length);
      for (const { change, i, is } of told) {
        if (is || change.after === undefined) body.raw(bytes.subarray(commit.offsets[i], commit.offsets[i + 1]));
        else encodeLeave(body, change, shapeOf(change.tableId));
      }
    }
  }
  const writer = new ByteWriter();
  writer.varint(count);
  writer.raw(body.view());
  return { commits: { lastSeq, list: writer.take(), turns: undefined, message: undefined }, isEmpty: count === 0 };
}

function isIn(queries: readonly SharedQuery[] | undefined, row: Row | undefined): boolean {
  return row !== undefined && queries?.some((query) => query.contains(row)) === true;
}
