/** TanStack DB with the same rows and queries as `live-query.bench.ts`, for comparison in the same run. */

import { type Collection, createCollection, createLiveQueryCollection, eq, gte } from '@tanstack/db';

export interface PeerRow {
  readonly id: number;
  readonly room: number;
  readonly score: number;
  readonly name: string;
}

export interface PeerQuery {
  /** Rows of this room, or of this score and above. */
  readonly room?: number;
  readonly scoreMin?: number;
  readonly limit: number;
}

export interface Peer {
  /** One row is another one now, as the server says; all queries are up to date afterwards. */
  readonly update: (row: PeerRow) => void;
  readonly first: (query: number) => PeerRow | undefined;
  readonly close: () => Promise<void>;
}

export async function tanstackDb(rows: Iterable<PeerRow>, queries: readonly PeerQuery[]): Promise<Peer> {
  let update: Peer['update'] = () => {};
  const table: Collection<PeerRow, number> = createCollection<PeerRow, number>({
    id: 'row',
    getKey: (row) => row.id,
    autoIndex: 'eager',
    defaultIndexType: (await import('@tanstack/db')).BTreeIndex,
    sync: {
      rowUpdateMode: 'full',
      sync: ({ begin, write, commit, markReady }) => {
        begin();
        for (const row of rows) write({ type: 'insert', value: row });
        commit();
        markReady();
        update = (row) => {
          begin();
          write({ type: 'update', value: row });
          commit();
        };
      },
    },
  });
  await table.preload();
  const live = queries.map(({ room, scoreMin, limit }, i) =>
    createLiveQueryCollection({
      id: `query ${i}`,
      startSync: true,
      query: (q) => {
        const from = q.from({ row: table });
        const filtered =
          room === undefined
            ? from.where(({ row }) => gte(row.score, scoreMin ?? 0))
            : from.where(({ row }) => eq(row.room, room));
        return filtered.orderBy(({ row }) => row.score, 'desc').limit(limit);
      },
    }),
  );
  for (const each of live) {
    await each.preload();
    // Somebody looks at the result, as an app does.
    each.subscribeChanges(() => {});
  }
  return {
    update,
    first: (query) => live[query]?.toArray[0] as PeerRow | undefined,
    close: async () => {
      for (const each of live) await each.cleanup();
      await table.cleanup();
    },
  };
}
