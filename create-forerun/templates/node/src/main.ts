/**
 * A program that uses the database: shows the list, adds to it, and goes on showing it as it changes.
 *
 *     npm run list                 shows it, and goes on
 *     npm run list -- "Buy milk"   adds to it first
 */

import { connect } from 'forerun/client';
import * as list from './module.ts';

const client = connect({ module: list, url: process.env['SERVER'] ?? 'http://localhost:5173' });
client.onStatus(() => {
  if (client.status.type === 'offline') console.log(`No server: ${client.status.message} (npm run dev starts one)`);
});
await client.ready();

const items = client.live(client.tables.item.orderBy((item) => [item.done.asc(), item.id.asc()]));
const show = (): void => {
  console.log(`\n${items.rows.length} on the list:`);
  for (const { text, done } of items.rows) console.log(`  ${done ? '✓' : '·'} ${text}`);
};
await items.ready();
show();
items.subscribe(show);

const text = process.argv.slice(2).join(' ');
if (text !== '') await client.reducers.add({ text });
