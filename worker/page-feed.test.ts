import { schema, t, table } from 'forerun';
import { expect, test } from 'vitest';
import { Engine } from '../core/engine/engine.ts';
import { defineModule } from '../core/module/module.ts';
import { specOf } from '../core/module/query-builder.ts';
import type { HostEvent } from './client/host-api.ts';
import { PageFeed } from './page-feed.ts';
import { provideAllCode } from './all-code.ts';

provideAllCode();

const player = table({ name: 'player', public: true }, { id: t.u32().primaryKey(), score: t.u32() });
const game = schema({ player });
const definition = defineModule({ default: game });
const spec = specOf(game.tables.player);

/** A page before a host. While it asks for a query, each look at the clock may take `lookMs`. */
async function pageOf() {
  const engine = await Engine.open({ definition, ids: { next: () => 0n } });
  let nowMs = 0;
  let stepMs = 0;
  const clock = { now: () => nowMs, monotonicMs: () => (nowMs += stepMs) };
  const tasks: (() => void)[] = [];
  const scheduler = {
    soon: (task: () => void) => void tasks.push(task),
    after: (_delayMs: number, task: () => void) => {
      tasks.push(task);
      return () => {};
    },
  };
  const told: HostEvent[] = [];
  const feed: PageFeed = new PageFeed({
    engine,
    environment: { clock, scheduler, entropy: { fill: (bytes) => bytes } },
    listener: (events) => told.push(...events),
    pageId: 'page',
    wake: () => {
      feed.refresh();
      feed.deliver();
    },
  });
  return {
    watch: (queryId: number, { lookMs = 0 } = {}): void => {
      stepMs = lookMs;
      if (spec === undefined) throw new Error('a query of the builder');
      feed.watch({ queryId, source: { type: 'query', spec } });
      feed.deliver();
      stepMs = 0;
    },
    unwatch: (queryId: number): void => feed.unwatch(queryId),
    later: (): void => {
      for (const task of tasks.splice(0)) task();
    },
    /** Queries whose rows have come, in order. */
    answered: () => told.flatMap((event) => (event.type === 'rows' ? [event.queryId] : [])),
    close: () => engine.close(),
  };
}

test('[LIV-4] a query is answered at once', async () => {
  const page = await pageOf();
  for (const queryId of [1, 2, 3]) page.watch(queryId);
  expect(page.answered()).toEqual([1, 2, 3]);
  page.close();
});

test('[LIV-13] after one that took long, those that the page gives up meanwhile are never run', async () => {
  const page = await pageOf();
  page.watch(1, { lookMs: 10 });
  expect(page.answered()).toEqual([1]);
  // As scrolling asks: each is wanted until the next.
  for (let queryId = 2; queryId < 9; queryId++) {
    page.watch(queryId);
    page.unwatch(queryId - 1);
  }
  expect(page.answered()).toEqual([1]);
  page.later();
  expect(page.answered()).toEqual([1, 8]);
  page.close();
});
