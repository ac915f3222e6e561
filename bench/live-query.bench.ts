/**
 * `npm run bench -- live-query`: a commit of one row on a client with 50 live queries of the builder (filter, order,
 * limit 50), half of them by equality and half by overlapping ranges: applying it, bringing all queries up to date and
 * encoding what the page is told. With 10,000, 100,000 and 1,000,000 rows; and the same in TanStack DB.
 *
 * Each commit moves a row of a random key to another score; one in ten moves it to another room as well.
 */

import { defineModule, schema, table, t } from 'forerun';
import type { Row } from '../core/commit/row-change.ts';
import { Engine } from '../core/engine/engine.ts';
import { specOf } from '../core/module/query-builder.ts';
import type { HostEvent } from '../worker/client/host-api.ts';
import { LiveQueries } from '../worker/live/live-query.ts';
import { type PeerQuery, type PeerRow, tanstackDb } from './peers/tanstack-db.ts';
import { provideAllCode } from '../worker/all-code.ts';

provideAllCode();

const rooms = 50;
const limit = 50;
const commits = 4_000;
/** Of the peer fewer, since it takes long. */
const peerCommits = 600;
const scoreEnd = 1_000_000;

const row = table({ public: true }, { id: t.u32().primaryKey(), room: t.u32(), score: t.u32(), name: t.string() });
const world = schema({ row });
const definition = defineModule({ default: world });

const queries: readonly PeerQuery[] = Array.from({ length: 50 }, (_, i) =>
  i < 25 ? { room: i * 2, limit } : { scoreMin: Math.floor((scoreEnd * (i - 25)) / 25), limit },
);

export async function run(): Promise<void> {
  const ours = new Map<number, Times>();
  for (const size of [10_000, 100_000, 1_000_000]) {
    const times = await measureOurs(size);
    ours.set(size, times);
    console.log(`${size} rows: p50 ${times.p50} µs, p99 ${times.p99} µs, CPU ${times.cpu} µs a commit`);
  }
  const peer = await measurePeer(100_000);
  console.log(`TanStack DB, 100000 rows: p50 ${peer.p50} µs, p99 ${peer.p99} µs, CPU ${peer.cpu} µs a commit`);
  const [small, middle, large] = [...ours.values()];
  console.log(
    JSON.stringify({
      bench: 'live-query',
      us_10k: small?.p50,
      us_100k: middle?.p50,
      us_1m: large?.p50,
      p99_us_100k: middle?.p99,
      peer_us_100k: peer.p50,
      cpu_us_100k: middle?.cpu,
      peer_cpu_us_100k: peer.cpu,
    }),
  );
}

interface Times {
  readonly p50: number;
  readonly p99: number;
  /** User time per commit, which others on the machine don't change. */
  readonly cpu: number;
}

async function measureOurs(size: number): Promise<Times> {
  const engine = await Engine.open({ definition, ids: { next: () => 0n } });
  engine.store(0).load(generated(size));
  const live = new LiveQueries({ engine, nowMs: () => performance.now() });
  for (const [queryId, { room, scoreMin }] of queries.entries()) {
    const filtered =
      room === undefined
        ? world.tables.row.where((r) => r.score.gte(scoreMin ?? 0))
        : world.tables.row.where((r) => r.room.eq(room));
    const spec = specOf(filtered.orderBy((r) => r.score.desc()).limit(limit));
    if (spec === undefined) throw new Error('a query of the builder');
    live.watch({ queryId, source: { type: 'query', spec } });
  }
  let told: readonly HostEvent[] = live.refresh();
  if (told.length !== queries.length) throw new Error(`only ${told.length} queries have a result`);
  let updates = 0;
  const times = measure(size, commits, (after) => {
    const changes = engine.apply([{ tableId: 0, key: after.id, before: undefined, after: after as unknown as Row }]);
    for (const change of changes) live.changed(change);
    told = live.refresh();
    updates += told.length;
  });
  if (updates === 0) throw new Error('no commit changed a result');
  live.close();
  engine.close();
  return times;
}

async function measurePeer(size: number): Promise<Times> {
  const peer = await tanstackDb(generated(size), queries);
  const times = measure(size, peerCommits, (after) => peer.update(after));
  if (peer.first(0) === undefined) throw new Error('the peer has no result');
  await peer.close();
  return times;
}

function measure(size: number, count: number, commit: (after: PeerRow) => void): Times {
  const random = randomOf(7);
  const next = (): PeerRow => {
    const id = Math.floor(random() * size);
    const room = random() < 0.1 ? Math.floor(random() * rooms) : id % rooms;
    return { id, room, score: Math.floor(random() * scoreEnd), name: `row ${id}` };
  };
  for (let i = 0; i < count / 2; i++) commit(next());
  const times: number[] = [];
  const cpuBefore = process.cpuUsage();
  for (let i = 0; i < count; i++) {
    const after = next();
    const start = performance.now();
    commit(after);
    times.push((performance.now() - start) * 1_000);
  }
  const { user } = process.cpuUsage(cpuBefore);
  times.sort((a, b) => a - b);
  return { p50: fixed(times[count >> 1]), p99: fixed(times[Math.floor(count * 0.99)]), cpu: fixed(user / count) };
}

function* generated(size: number): Generator<PeerRow & Row> {
  const random = randomOf(1);
  for (let id = 0; id < size; id++)
    yield { id, room: id % rooms, score: Math.floor(random() * scoreEnd), name: `row ${id}` };
}

/** Mulberry32: the same rows and commits for everyone. */
function randomOf(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}

function fixed(value: number | undefined): number {
  return Number((value ?? Number.NaN).toFixed(1));
}
