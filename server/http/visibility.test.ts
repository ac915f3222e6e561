import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { schema, t, table } from 'forerun';
import { connect } from 'forerun/client';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { ownerToken } from '../gateway/auth.ts';
import { filesIn } from '../log/data-folder.ts';
import { serve, type Served } from '../serve.ts';

const diary = table({ public: true }, { id: t.u32().primaryKey(), who: t.identity(), text: t.string() });
const store = schema({ diary });
const module = {
  default: store,
  own: store.clientVisibilityFilter.sql('SELECT * FROM diary WHERE who = :sender'),
  write: store.reducer({ id: t.u32(), text: t.string() }, (ctx, { id, text }) => {
    ctx.db.diary.insert({ id, text, who: ctx.sender });
  }),
};

let data: string;
let server: Served;
let owner: string;
beforeAll(async () => {
  data = mkdtempSync(join(tmpdir(), 'forerun-visibility-'));
  server = await serve({ module, data, port: 0 });
  owner = await ownerToken(filesIn(data, 'main').tokenKeyFile);
});
afterAll(async () => {
  await server.close();
  rmSync(data, { recursive: true });
});

async function ask(path: string, body: string, token?: string): Promise<Response> {
  const headers = token === undefined ? {} : { authorization: `Bearer ${token}` };
  return fetch(`${server.url}/v1/database/main${path}`, { method: 'POST', body, headers });
}
async function texts(sql: string, token?: string): Promise<unknown[]> {
  const [result] = (await (await ask('/sql', sql, token)).json()) as [{ rows: unknown[][] }];
  return result.rows.map((row) => row[2]);
}

describe('rows that a filter hides', () => {
  test('[VIS-1] [HTT-3] are left out of what a query over HTTP finds, and its owner sees all of them', async () => {
    const first = await ask('/call/write', '[1, "mine"]');
    const token = first.headers.get('spacetime-identity-token') ?? '';
    await ask('/call/write', '[2, "of another"]');
    for (const sql of [
      'SELECT * FROM diary',
      'SELECT * FROM diary WHERE id > 0',
      "SELECT * FROM diary WHERE text <> ''",
    ])
      expect(await texts(sql, token)).toEqual(['mine']);
    expect(await texts('SELECT d.* FROM diary AS d JOIN diary AS e ON d.who = e.who', token)).toEqual(['mine']);
    expect(await texts('SELECT * FROM diary')).toEqual([]);
    // Whether there is such a row can't be asked either.
    expect(await texts("SELECT * FROM diary WHERE text = 'of another'", token)).toEqual([]);
    expect((await ask('/sql', 'SELECT count(*) FROM diary', token)).status).toBe(400);
    expect(await texts('SELECT * FROM diary ORDER BY id', owner)).toEqual(['mine', 'of another']);
  });

  test('[VIS-1] are sent to the owner who connects with a client, and not to others', async () => {
    const rowsOf = async (token?: string) => {
      const client = await connect({ module, url: server.url, ...(token !== undefined && { token }) });
      await client.ready();
      const { rows } = client.live(client.tables.diary.orderBy((row) => row.id));
      await client.close();
      return rows.map(({ text }) => text);
    };
    expect(await rowsOf(owner)).toEqual(['mine', 'of another']);
    expect(await rowsOf()).toEqual([]);
  });
});
