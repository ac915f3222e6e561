import { mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { schema, t, table } from 'forerun';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
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

/** Saves it until the terminal says so: of changes that follow each other too soon, the watcher misses some. */
async function saved(text: string, pattern: RegExp): Promise<string> {
  await rewrite(text);
  const again = setInterval(() => void rewrite(`${text}\n// saved again at ${performance.now()}`), 1_000);
  try {
    return await vite.says(pattern);
  } finally {
    clearInterval(again);
  }
}

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

test('[DEV-1] a module whose code has changed goes on with the new code, its rows and its connections', async () => {
  let connections = 0;
  const stop = client.onStatus(() => (connections += client.status.type === 'live' ? 0 : 1));
  await saved(source('10'), /database main runs the new code/);
  expect(await add()).toBe(11);
  stop();
  expect(connections).toBe(0);
});

test('[DEV-1] of two saves at once the last one counts', async () => {
  await rewrite(source('3'));
  await rewrite(source('5'));
  let before = await add();
  const step = async (): Promise<number> => {
    const now = await add();
    const by = (now ?? 0) - (before ?? 0);
    before = now;
    return by;
  };
  await expect.poll(step, { timeout: 20_000 }).toBe(5);
});

test('[DEV-2] of a module that can not be read the terminal tells what and where, and the one before it goes on', async () => {
  const before = (await add()) ?? 0;
  await saved(source('('), /forerun: database main: .*/);
  expect(await add()).toBe(before + 5);
  await saved(source('100'), /database main runs the new code/);
  expect(await add()).toBe(before + 105);
});

test('[DEV-3] an error in a reducer is shown with the line of the module that it comes from', async () => {
  await saved(source('value.nothing.at'), /database main runs the new code/);
  // What was said may be of the save before, made twice, and this one be missed by the watcher.
  const again = setInterval(() => void rewrite(`${source('value.nothing.at')}\n// ${performance.now()}`), 2_000);
  await vi.waitFor(() => expect(add()).rejects.toMatchObject({ code: 'reducer-threw' }), { timeout: 40_000 });
  clearInterval(again);
  const told = await vite.says(/The reducer 'add' threw[\s\S]*?\^/);
  expect(told).toMatch(/TypeError: .*undefined/);
  expect(told).toContain('at module.ts:9:');
  expect(told).toContain('9 |     ctx.db.count.id.update({ id: 0, value: value + value.nothing.at });');
}, 60_000);

test('[DEV-2] a change that would lose rows is refused with the way out, and one that keeps them is taken over', async () => {
  const withLabel = (column: string): string =>
    source('1000')
      .replace('value: t.u32() }', `value: t.u32(), ${column} }`)
      .replaceAll('value: value +', "label: '', value: value +");
  expect(await saved(withLabel('label: t.string()'), /forerun: database main: The column.*/)).toMatch(
    /'label' of table 'count' is new.*\.default\(/,
  );
  await saved(
    withLabel("label: t.string().default('none')"),
    /database main runs the changed module, its rows were kept/,
  );
});

test('a page gets the module with its worker, and the worker the module as it is', async () => {
  const page = await (await fetch(`${url}/module.ts`)).text();
  expect(page).toContain('attachWorker(');
  const worker = /new URL\((?:[^"']*)["']([^"']+)["']/.exec(page)?.[1] ?? '';
  const host = await (await fetch(new URL(worker, url))).text();
  expect(host).toContain('host(');
  expect(await (await fetch(`${url}/module.ts?forerun-plain`)).text()).not.toContain('attachWorker');
});
