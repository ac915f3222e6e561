import assert from 'node:assert/strict';
import { test } from 'node:test';
import { connect } from 'forerun/client';
import { serve } from 'forerun/server';
import * as list from './module.ts';

test('what is added is on the list, can be ticked off, and an empty text is refused', async () => {
  // In memory, on any free port: nothing is left behind.
  const server = await serve({ module: list, port: 0 });
  const client = connect({ module: list, url: server.url });
  await client.ready();
  const items = client.live(client.tables.item);

  await client.reducers.add({ text: ' Milk ' });
  const milk = items.rows.find(({ text }) => text === 'Milk');
  assert.ok(milk);
  assert.equal(milk.done, false);

  await client.reducers.toggle({ id: milk.id });
  assert.equal(items.rows.find(({ id }) => id === milk.id)?.done, true);

  await assert.rejects(async () => client.reducers.add({ text: ' ' }), /nothing to add/);

  await client.close();
  await server.close();
});
