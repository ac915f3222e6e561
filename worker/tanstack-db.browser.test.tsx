import { createCollection, gte } from '@tanstack/db';
import { useLiveQuery } from '@tanstack/react-db';
import type { ReactElement } from 'react';
import { flushSync } from 'react-dom';
import { createRoot } from 'react-dom/client';
import { expect, test } from 'vitest';
import { Desk } from './desk.testing.ts';
import { forerunCollection } from './tanstack-db.ts';

test("[LIV-12] TanStack DB's hooks show a table's predicted rows", async () => {
  const desk = await Desk.open();
  const { client } = await desk.seat();
  const items = createCollection(forerunCollection(client, client.tables.item));
  function Counted(): ReactElement {
    const { data } = useLiveQuery((q) =>
      q
        .from({ item: items })
        .where(({ item }) => gte(item.count, 1))
        .orderBy(({ item }) => item.id, 'desc'),
    );
    return <>{data.map(({ id, count }) => `${id}:${count}`).join(' ')}</>;
  }
  const page = document.createElement('main');
  const root = createRoot(page);
  flushSync(() => root.render(<Counted />));
  client.simulate({ latencyMs: 1_000 });
  for (const id of [1, 2, 3]) client.reducers.put({ id, text: 'a' });
  for (const id of [1, 3, 3]) client.reducers.bump({ id });
  await expect.poll(() => page.textContent).toBe('3:2 1:1');
  expect(desk.home.rows('item')).toEqual([]);
  root.unmount();
});
