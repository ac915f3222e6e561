import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { schema, SenderError, t, table, Timestamp } from 'forerun';
import { beforeAll, afterAll, describe, expect, test, vi } from 'vitest';
import { ownerToken } from '../gateway/auth.ts';
import { filesIn } from '../log/data-folder.ts';
import { scratchFolder } from '../log/storage.testing.ts';
import { serve, type Served } from '../serve.ts';

const note = table(
  { name: 'note', public: true },
  { id: t.u64().primaryKey().autoInc(), text: t.string(), by: t.identity() },
);
const secret = table({ name: 'secret' }, { word: t.string().primaryKey(), weight: t.u64() });
const visit = table({ name: 'visit', public: true }, { who: t.identity().primaryKey(), came: t.u32(), went: t.u32() });
const kinds = table(
  { name: 'kinds', public: true },
  {
    id: t.u32().primaryKey(),
    big: t.u64(),
    at: t.timestamp(),
    colour: t.enum('Colour', ['red', 'green']),
    shape: t.enum('Shape', { dot: t.unit(), circle: t.object('Circle', { r: t.f64() }) }),
    some: t.option(t.string()),
    bytes: t.byteArray(),
    tags: t.array(t.string()),
  },
);
const store = schema({ note, secret, visit, kinds });
const module = {
  default: store,
  connected: store.clientConnected((ctx) => {
    const known = ctx.db.visit.who.find(ctx.sender);
    if (known === null) ctx.db.visit.insert({ who: ctx.sender, came: 1, went: 0 });
    else ctx.db.visit.who.update({ ...known, came: known.came + 1 });
  }),
  disconnected: store.clientDisconnected((ctx) => {
    const known = ctx.db.visit.who.find(ctx.sender);
    if (known !== null) ctx.db.visit.who.update({ ...known, went: known.went + 1 });
  }),
  write: store.reducer({ text: t.string() }, (ctx, { text }) => {
    if (text === '') throw new SenderError('There is nothing to write.');
    console.log('writing', { text });
    ctx.db.note.insert({ id: 0n, text, by: ctx.sender });
  }),
  hide: store.reducer({ word: t.string(), weight: t.u64() }, (ctx, row) => {
    console.warn(`hiding ${row.word}`);
    ctx.db.secret.insert(row);
  }),
  keep: store.reducer({ row: kinds.rowType }, (ctx, { row }) => {
    ctx.db.kinds.insert(row);
  }),
  mine: store.view({ public: true }, t.array(note.rowType), (ctx) =>
    ctx.from.note.where((each) => each.by.eq(ctx.sender)),
  ),
  fail: store.reducer(() => {
    throw new Error('the reason');
  }),
};

let data: string;
let server: Served;
let owner: string;

const base = () => `${server.url}/v1/database/main`;
async function ask(
  path: string,
  body?: string,
  token?: string,
): Promise<{ status: number; body: unknown; headers: Headers }> {
  const response = await fetch(base() + path, {
    ...(body !== undefined && { method: 'POST', body }),
    headers: token === undefined ? {} : { authorization: `Bearer ${token}` },
  });
  const text = await response.text();
  return {
    status: response.status,
    body: path.startsWith('/logs') ? text : JSON.parse(text),
    headers: response.headers,
  };
}
const rows = async (sql: string, token?: string): Promise<unknown> =>
  ((await ask('/sql', sql, token)).body as { rows: unknown }[])[0]?.rows;

const start = (): Promise<Served> =>
  serve({ module, data, port: 0, guard: true, diagnostics: { modulePrinted: () => {}, reducerThrew: () => {} } });

beforeAll(async () => {
  data = mkdtempSync(join(tmpdir(), 'forerun-http-'));
  server = await start();
  owner = await ownerToken(filesIn(data, 'main').tokenKeyFile);
});
afterAll(async () => {
  await server.close();
  rmSync(data, { recursive: true });
});

describe('a call over HTTP', () => {
  test('[HTT-1] is answered when it is durable, on a connection of its own, by whom the token says', async () => {
    const first = await ask('/call/write', '["one"]');
    expect(first).toMatchObject({ status: 200, body: { seq: expect.any(Number) } });
    const token = first.headers.get('spacetime-identity-token') ?? '';
    const identity = first.headers.get('spacetime-identity');
    const second = await ask('/call/write', '{"text": "two"}', token);
    expect(second.headers.get('spacetime-identity')).toBe(identity);
    expect(second.headers.get('spacetime-identity-token')).toBeNull();
    expect(await rows('SELECT text FROM note ORDER BY id', owner)).toEqual([['one'], ['two']]);
    await vi.waitFor(async () =>
      expect(await rows(`SELECT came, went FROM visit WHERE who = x'${identity}'`, owner)).toEqual([[2, 2]]),
    );
  });

  test('that the reducer refuses or fails at says so, without the reason of a failure', async () => {
    expect(await ask('/call/write', '[""]')).toMatchObject({
      status: 530,
      body: { code: 'call-rejected', message: 'There is nothing to write.' },
    });
    const failed = await ask('/call/fail', '');
    expect(failed).toMatchObject({ status: 530, body: { code: 'reducer-threw' } });
    expect(JSON.stringify(failed.body)).not.toContain('the reason');
  });

  test.each([
    ['/call/write', '[5]', 400, /write\.text: expected string, got number 5/],
    ['/call/write', '["a", "b"]', 400, /takes text, and got 2 arguments/],
    ['/call/write', '{"txt": "a"}', 400, /no parameter 'txt'; it takes text/],
    ['/call/hide', '["a", -1]', 400, /hide\.weight/],
    ['/call/write', '["a"', 400, /no JSON/],
    ['/call/nothing', '[]', 404, /There are: .*write/],
    ['/call/connected', '[]', 403, /called by the database/],
  ])('[HTT-2] to %s with %s is refused', async (path, body, status, message) => {
    const answer = await ask(path, body);
    expect(answer.status).toBe(status);
    expect((answer.body as { message: string }).message).toMatch(message);
  });

  test('[HTT-2] takes every kind of value as people write it', async () => {
    const row = {
      id: 1,
      big: '18446744073709551615',
      at: '2026-01-02T03:04:05Z',
      colour: 'green',
      shape: { circle: { r: 1.5 } },
      some: null,
      bytes: '0xff00',
      tags: ['a', 'b'],
    };
    expect(await ask('/call/keep', JSON.stringify({ row }))).toMatchObject({ status: 200 });
    const kept = server.authority.engine.rows(3)[0];
    expect(kept).toMatchObject({
      big: 18446744073709551615n,
      colour: { tag: 'green' },
      shape: { tag: 'circle', value: { r: 1.5 } },
      some: undefined,
      bytes: Uint8Array.of(255, 0),
    });
    expect(kept?.['at']).toEqual(Timestamp.fromDate(new Date('2026-01-02T03:04:05Z')));
  });
});

describe('a query over HTTP', () => {
  test('[HTT-3] of the owner sees everything, and whatever SQLite can compute', async () => {
    await ask('/call/hide', '["gold", "9007199254740993"]');
    expect(await rows('SELECT word, weight FROM secret', owner)).toEqual([['gold', '9007199254740993']]);
    expect(await rows('SELECT count(*) AS n FROM note, secret;', owner)).toEqual([[2]]);
  });

  test.each([
    'SELECT * FROM secret',
    'SELECT note.* FROM note JOIN secret ON note.text = secret.word',
    'SELECT (SELECT word FROM secret)',
    'SELECT * FROM sqlite_master',
    "SELECT * FROM pragma_table_info('secret')",
    'SELECT * FROM note WHERE text IN (SELECT word FROM secret)',
    'SELECT * FROM note UNION SELECT word, word, word FROM secret',
    'SELECT * FROM note) UNION SELECT 1, word, 1 FROM (secret',
  ])('[HTT-3] of anyone else gets nothing out of what is private: %s', async (sql) => {
    const answer = await ask('/sql', sql);
    expect(answer).toMatchObject({ status: 400, body: { code: 'query-invalid' } });
    expect(JSON.stringify(answer.body)).not.toContain('gold');
    // As of a table that isn't there.
    const unknown = await ask('/sql', sql.replaceAll('secret', 'missing'));
    expect(JSON.stringify(unknown.body)).toBe(JSON.stringify(answer.body).replaceAll('secret', 'missing'));
  });

  test('[HTT-3] of anyone may read what is public, with conditions', async () => {
    const answer = await ask('/sql', "SELECT * FROM note WHERE text = 'two'");
    expect(answer.body).toMatchObject(
      [
        { schema: { elements: [{ name: { some: 'id' } }, { name: { some: 'text' } }, {}] }, rows: [[2, 'two', /./]] },
      ].map((result) => ({ ...result, rows: [[2, 'two', expect.stringMatching(/^[0-9a-f]{64}$/)]] })),
    );
  });

  test.each([
    'DELETE FROM note',
    "INSERT INTO note VALUES (1, 'a', 0)",
    'UPDATE note SET id = 5',
    'WITH a AS (SELECT 1) DELETE FROM note',
    'SELECT 1; DELETE FROM note',
    'PRAGMA user_version = 3',
    '',
  ])('[HTT-3] of anyone else never writes: %s', async (sql) => {
    expect(await ask('/sql', sql)).toMatchObject({ status: 400, body: { code: 'query-invalid' } });
    expect(await rows('SELECT count(*) FROM note', owner)).toEqual([[2]]);
  });

  test.each([
    'WITH a AS (SELECT 1) DELETE FROM note',
    'SELECT 1; DELETE FROM note',
    'PRAGMA user_version = 3',
    'DROP TABLE note',
    '',
  ])('[HTT-3] of the owner changes rows only as a statement that says so: %s', async (sql) => {
    expect(await ask('/sql', sql, owner)).toMatchObject({ status: 400, body: { code: 'query-invalid' } });
    expect(await rows('SELECT count(*) FROM note', owner)).toEqual([[2]]);
  });

  test('finds its schema, and the owner the private part of it too', async () => {
    const names = (body: unknown) => (body as { tables: { name: string }[] }).tables.map(({ name }) => name);
    expect(names((await ask('/schema')).body)).toEqual(['note', 'visit', 'kinds']);
    expect(names((await ask('/schema', undefined, owner)).body)).toEqual(['note', 'secret', 'visit', 'kinds']);
  });
});

describe('diagnostics', () => {
  test("[HTT-4] are the owner's alone", async () => {
    expect((await ask('/logs')).status).toBe(401);
    expect((await ask('/logs', undefined, 'nonsense')).status).toBe(401);
    const other = await ownerToken(join(scratchFolder(), 'token-key.json'));
    expect((await ask('/logs', undefined, other)).status).toBe(401);
    expect((await ask('/logs', undefined, owner)).status).toBe(200);
  });

  test('[HTT-5] have what reducers print and throw, with their names, also after a restart', async () => {
    console.log('outside of any reducer');
    const expected = [
      { level: 'info', reducer: 'write', message: "writing { text: 'two' }" },
      { level: 'error', reducer: 'fail', message: expect.stringContaining('the reason') },
      { level: 'warn', reducer: 'hide', message: 'hiding gold' },
    ];
    const lines = async (query = '') =>
      String((await ask(`/logs${query}`, undefined, owner)).body)
        .trim()
        .split('\n')
        .map((line) => JSON.parse(line));
    expect(await lines()).toMatchObject([{ message: "writing { text: 'one' }" }, ...expected]);
    expect(await lines('?num_lines=1')).toMatchObject([expected[2]]);
    await server.close();
    server = await start();
    expect(await lines('?num_lines=3')).toMatchObject(expected);
  });

  test('[HTT-5] can be followed', async () => {
    const response = await fetch(`${base()}/logs?num_lines=0&follow=true`, {
      headers: { authorization: `Bearer ${owner}` },
    });
    const reader = response.body?.pipeThrough(new TextDecoderStream()).getReader();
    await ask('/call/write', '["three"]');
    expect(JSON.parse((await reader?.read())?.value ?? '')).toMatchObject({ message: "writing { text: 'three' }" });
    await reader?.cancel();
  });
});

// Last, since it writes.
describe('a view over HTTP', () => {
  test('[VIW-7] has its rows for whoever asks, of the owner too', async () => {
    const written = await ask('/call/write', '["three"]');
    const token = written.headers.get('spacetime-identity-token') ?? '';
    const texts = async (sql: string, as?: string) => ((await rows(sql, as)) as unknown[][]).map(([, text]) => text);
    expect(await texts('SELECT * FROM mine', token)).toEqual(['three']);
    expect(await texts("SELECT * FROM mine WHERE text = 'one'", token)).toEqual([]);
    expect(await texts('SELECT * FROM mine')).toEqual([]);
    expect(await texts('SELECT * FROM mine', owner)).toEqual([]);
    await ask('/call/write', '["four"]', owner);
    expect(await texts('SELECT * FROM mine', owner)).toEqual(['four']);
    // What it has for somebody is nobody else's to name.
    expect(await ask('/sql', 'SELECT * FROM _mine_1', token)).toMatchObject({ status: 400 });
  });
});
