import { mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { schema, t, table } from 'forerun';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Client } from '../../worker/client/client.ts';
import { connect } from '../../worker/client/connect.ts';
import { Child } from './child.testing.ts';

const source = (step: string): string => `
  import { schema, t, table } from 'forerun';
  const count = table({ name: 'count', public: true }, { id: t.u32().primaryKey(), value: t.u32() });
  const counts = schema({ count });
  export default counts;
  export const init = counts.init((ctx) => void ctx.db.count.insert({ id: 0, value: 0 }));
  export const add = counts.reducer((ctx) => {
    const { value } = ctx.db.count.id.find(0);
    ctx.db.count.id.update({ id: 0, value: value + ${step} });
  });
`;

// As in the file, but for what the reducers do: the authority's count.
const count = table({ name: 'count', public: true }, { id: t.u32().primaryKey(), value: t.u32() });
const counts = schema({ count });
const module = {
  default: counts,
  init: counts.init(() => {}),
  add: counts.reducer({ predict: false }, () => {}),
};

let folder: string;
let vite: Child;
let url: string;
let client: Client<typeof module>;

const rewrite = (text: string): Promise<void> => writeFile(join(folder, 'module.ts'), text);

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'forerun-plugin-'));
  await mkdir(join(folder, 'node_modules'));
  await symlink(join(import.meta.dirname, '../..'), join(folder, 'node_modules/forerun'), 'dir');
  await rewrite(source('1'));
  vite = new Child('test/e2e/plugin-server.ts', [folder]);
  url = await vite.says(/http:\/\/localhost:\d+/);
  await vite.says(/Database main: ws:\/\/localhost:\d+\/v1\/database\/main\/subscribe/);
  client = connect({ module, url });
}, 60_000);

afterAll(async () => {
  await client.close();
  await vite.end();
  await rm(folder, { recursive: true, force: true });
});

/** The count after one more call. */
async function add(): Promise<number | undefined> {
  await client.reducers.add();
  return (await client.live(client.tables.count).ready())[0]?.value;
}

test('a module is served on the port of Vite', async () => {
  expect(await add()).toBe(1);
});

test('a module that has changed is served anew, and its rows are kept', async () => {
  await rewrite(source('10'));
  await vite.says(/Database main/);
  expect(await add()).toBe(11);
});

test('a module that can not be read is reported, and served when it can be again', async () => {
  await rewrite(source('('));
  await vite.says(/forerun: database main: /);
  await rewrite(source('100'));
  await vite.says(/Database main/);
  expect(await add()).toBe(111);
});

test('a page gets the module with its worker, and the worker the module as it is', async () => {
  const page = await (await fetch(`${url}/module.ts`)).text();
  expect(page).toContain('attachWorker(');
  const worker = /new URL\((?:[^"']*)["']([^"']+)["']/.exec(page)?.[1] ?? '';
  const host = await (await fetch(new URL(worker, url))).text();
  expect(host).toContain('host(');
  expect(await (await fetch(`${url}/module.ts?forerun-plain`)).text()).not.toContain('attachWorker');
});
