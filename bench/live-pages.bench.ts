/**
 * `npm run bench -- live-pages`: how long a page of 50 rows of 1,000,000 takes to be there as a live query of the builder, by
 * offset and by cursor, in the order of the key, of an indexed column and of one without an index; in CPU milliseconds, the
 * middle one of nine pages.
 */

import { defineModule, schema, table, t } from 'forerun';
import type { Row } from '../core/commit/row-change.ts';
import { Engine } from '../core/engine/engine.ts';
import { specOf } from '../core/module/query-builder.ts';
import { LiveQueries } from '../worker/live/live-query.ts';
import { provideAllCode } from '../worker/all-code.ts';

provideAllCode();

const rowCount = 1_000_000;
const middle = rowCount / 2;
const pageRows = 50;
const pages = 9;

const row = table(
  { public: true },
  { id: t.u32().primaryKey(), score: t.u32().index(), plain: t.u32(), name: t.string() },
);
const world = schema({ row });
const definition = defineModule({ default: world });
const rows = world.tables.row.limit(pageRows);

export async function run(): Promise<void> {
  const engine = await Engine.open({ definition, ids: { next: () => 0n } });
  engine.store(0).load(generated());
  const live = new LiveQueries({ engine, nowMs: () => performance.now() });
  let queryId = 0;
  const milliseconds = (page: (number: number) => unknown): number => {
    const times: number[] = [];
    for (let i = 0; i < pages; i++) {
      const spec = specOf(page(i));
      if (spec === undefined) throw new Error('a query of the builder');
      const before = process.cpuUsage();
      live.watch({ queryId: ++queryId, source: { type: 'query', spec } });
      const [told] = live.refresh();
      times.push(process.cpuUsage(before).user / 1_000);
      if (told?.type !== 'rows') throw new Error('the page has no rows');
      live.unwatch(queryId);
    }
    return Number((times.sort((a, b) => a - b)[pages >> 1] ?? Number.NaN).toFixed(1));
  };
  console.log(
    JSON.stringify({
      bench: 'live-pages',
      key_first_ms: milliseconds((i) => rows.offset(i * pageRows)),
      key_middle_ms: milliseconds((i) => rows.offset(middle + i * pageRows)),
      indexed_middle_ms: milliseconds((i) => rows.orderBy((r) => r.score).offset(middle + i * pageRows)),
      indexed_cursor_ms: milliseconds((i) =>
        rows.where((r) => r.score.lt(middle + i * pageRows)).orderBy((r) => r.score.desc()),
      ),
      plain_first_ms: milliseconds((i) => rows.orderBy((r) => r.plain).offset(i * pageRows)),
      plain_middle_ms: milliseconds((i) => rows.orderBy((r) => r.plain).offset(middle + i * pageRows)),
    }),
  );
  live.close();
  engine.close();
}

/** Both columns hold each number once, in no order. */
function* generated(): Generator<Row> {
  for (let id = 0; id < rowCount; id++)
    yield { id, score: (id * 7_919) % 1_000_003, plain: (id * 104_729) % 1_000_003, name: `row ${id}` };
}
