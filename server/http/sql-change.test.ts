import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { schema, t, table } from 'forerun';
import { connect } from 'forerun/client';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import type { ModuleExport } from '../../core/module/module-export.ts';
import { ownerToken } from '../gateway/auth.ts';
import { filesIn } from '../log/data-folder.ts';
import { serve, type Served } from '../serve.ts';

const player = table(
  { public: true },
  {
    id: t.u64().primaryKey().autoInc(),
    who: t.option(t.identity()),
    name: t.string().unique(),
    score: t.i32().default(7),
    colour: t.enum('Colour', ['red', 'green']),
    tags: t.array(t.string()),
  },
);
/** Without a primary key. */
const word = table({ public: true }, { text: t.string(), weight: t.u8() });
const blink = table({ public: true, ephemeral: true }, { id: t.u32().primaryKey() });
const due = table({ scheduled: (): ModuleExport => run }, { id: t.u64().primaryKey().autoInc(), at: t.scheduleAt() });
const game = schema({ player, word, blink, due });
const run = game.reducer({ row: due.rowType }, (ctx) => {
  ctx.db.word.insert({ text: 'due', weight: 0 });
});
const all = game.anonymousView({ public: true }, t.array(player.rowType), (ctx) => ctx.from.player);
const module = { default: game, run, all };

let data: string;
let server: Served;
let owner: string;
const start = (): Promise<Served> => serve({ module, data, port: 0, limits: { callRowsMax: 2_000 } });

beforeAll(async () => {
  data = mkdtempSync(join(tmpdir(), 'forerun-sql-'));
  server = await start();
  owner = await ownerToken(filesIn(data, 'main').tokenKeyFile);
});
afterAll(async () => {
  await server.close();
  rmSync(data, { recursive: true });
});

async function ask(sql: string, token: string = owner): Promise<{ status: number; body: unknown }> {
  const response = await fetch(`${server.url}/v1/database/main/sql`, {
    method: 'POST',
    body: sql,
    headers: { authorization: `Bearer ${token}` },
  });
  return { status: response.status, body: await response.json() };
}
const stats = async (sql: string): Promise<unknown> => ((await ask(sql)).body as { stats: unknown }[])[0]?.stats;
const changed = (inserted: number, updated: number, deleted: number) => ({
  rows_inserted: inserted,
  rows_updated: updated,
  rows_deleted: deleted,
});
const rows = async (sql: string): Promise<unknown> => ((await ask(sql)).body as { rows: unknown }[])[0]?.rows;

test('[HTT-6] the owner inserts, updates and deletes rows, as commits that clients see and a restart keeps', async () => {
  const client = connect({ module, url: server.url, storage: 'memory' });
  await client.ready();
  const live = client.live(client.tables.player);
  const hex = 'ab'.repeat(32);
  expect(
    await stats(`INSERT INTO player (name, colour, tags, who) VALUES ('Ann', 'red', '["x", "y"]', 0x${hex}),
      ('Bob', 'green', '[]', NULL);`),
  ).toEqual(changed(2, 0, 0));
  await vi.waitFor(() =>
    expect(live.rows.map(({ name, score }) => [name, score])).toEqual([
      ['Ann', 7],
      ['Bob', 7],
    ]),
  );
  expect(live.rows[0]).toMatchObject({ id: expect.any(BigInt), colour: { tag: 'red' }, tags: ['x', 'y'] });
  expect(live.rows[0]?.who?.toHexString()).toBe(hex);
  const seq = server.authority.durableSeq;
  expect(await stats("UPDATE player SET score = -3, colour = 'green' WHERE name = 'Ann' OR id = 0")).toEqual(
    changed(0, 1, 0),
  );
  expect(server.authority.durableSeq).toBe(seq + 1);
  expect(await stats('update player set score = -3 where score < 0')).toEqual(changed(0, 0, 0));
  await vi.waitFor(() => expect(live.rows[0]).toMatchObject({ score: -3, colour: { tag: 'green' } }));
  expect(await stats('DELETE FROM player WHERE score = 7')).toEqual(changed(0, 0, 1));
  await vi.waitFor(() => expect(live.rows.map(({ name }) => name)).toEqual(['Ann']));
  await client.close();
  await server.close();
  server = await start();
  expect(await rows('SELECT name, score FROM player')).toEqual([['Ann', -3]]);
});

test('[HTT-6] a key may change, and a table without one has rows like any other', async () => {
  expect(await stats("UPDATE player SET id = 90 WHERE name = 'Ann'")).toEqual(changed(0, 1, 0));
  expect(await rows('SELECT id, name FROM player')).toEqual([[90, 'Ann']]);
  expect(await stats("INSERT INTO word VALUES ('a', 1), ('b', 2), ('a', 1)")).toEqual(changed(2, 0, 0));
  expect(await stats("UPDATE word SET weight = 2, text = 'b'")).toEqual(changed(0, 1, 0));
  expect(await stats('DELETE FROM word')).toEqual(changed(0, 0, 1));
});

test('[HTT-6] what was scheduled by it comes due', async () => {
  expect(await stats(`INSERT INTO due (at) VALUES ('{"Time": 1}')`)).toEqual(changed(1, 0, 0));
  await vi.waitFor(async () => expect(await rows('SELECT text FROM word')).toEqual([['due']]));
});

test.each([
  ["INSERT INTO player (name, colour) VALUES ('x', 'red')", /needs a value for tags/],
  ["INSERT INTO player (name, colour, tags) VALUES ('x', 'blue', '[]')", /colour/],
  ["INSERT INTO player (name, colour, tags) VALUES ('x', 'red', '[5]')", /tags/],
  ["INSERT INTO player (name, colour, tags) VALUES ('x', 'red', '[')", /tags: .*JSON/],
  ["INSERT INTO player (name, colour, tags) VALUES ('x', 'red')", /value for tags/],
  ["INSERT INTO player (name, colour, tags) VALUES (NULL, 'red', '[]')", /name: expected a text/],
  ["INSERT INTO player (nmae) VALUES ('x')", /no column 'nmae'; it has id, who, name/],
  ['INSERT INTO palyer VALUES (1)', /no table 'palyer'/],
  ['INSERT INTO word VALUES (1, 2)', /text: expected a text in quotes/],
  ["INSERT INTO word VALUES ('c', 256)", /weight: .*whole number/],
  ["INSERT INTO word SELECT 'c', 1", /expected VALUES/],
  ["INSERT INTO player (id, name, colour, tags) VALUES (90, 'z', 'red', '[]')", /there is a row with this id already/],
  ["INSERT INTO player (name, colour, tags) VALUES ('y', 'red', '[]'), ('Ann', 'red', '[]')", /this name already/],
  ['UPDATE player SET score = score + 1', /score: expected a whole number/],
  ['UPDATE player SET score', /expected '='/],
  ['UPDATE player SET score = 1 WHERE nothing = 1', /no column 'nothing'/],
  ['DELETE FROM player; DELETE FROM word', /expected WHERE or the end|the end/],
  ['DELETE player', /expected FROM/],
  ['DELETE FROM all', /is a view/],
  ['INSERT INTO blink VALUES (1)', /ephemeral/],
])('[HTT-6] %s is refused, and changes nothing', async (sql, message) => {
  const before = [server.authority.executedSeq, await rows('SELECT * FROM player'), await rows('SELECT * FROM word')];
  const answer = await ask(sql);
  expect(answer.status).toBe(400);
  expect((answer.body as { message: string }).message).toMatch(message);
  expect([server.authority.executedSeq, await rows('SELECT * FROM player'), await rows('SELECT * FROM word')]).toEqual(
    before,
  );
});

test('[HTT-6] one statement changes as much as one call may, and is the owner’s alone', async () => {
  const many = (from: number, count: number) =>
    `INSERT INTO word VALUES ${Array.from({ length: count }, (_, i) => `('${from + i}', 1)`).join(', ')}`;
  expect(await stats(many(0, 2_000))).toEqual(changed(2_000, 0, 0));
  expect(await ask(many(2_000, 2_500))).toMatchObject({ status: 429, body: { code: 'limit-reached' } });
  expect(await rows('SELECT count(*) FROM word')).toEqual([[2_001]]);
  const stranger = await fetch(`${server.url}/v1/database/main/sql`, { method: 'POST', body: 'DELETE FROM word' });
  expect(stranger.status).toBe(400);
  expect(await rows('SELECT count(*) FROM word')).toEqual([[2_001]]);
});
