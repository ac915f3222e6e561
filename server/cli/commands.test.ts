import {
  closeSync,
  existsSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeSync,
} from 'node:fs';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { serve, type Served } from '../serve.ts';
import { version, versionHeader } from '../version.ts';
import { Command, run, shop } from './command-line.testing.ts';
import { filesIn } from '../log/data-folder.ts';

let root: string;
let data: string;
let server: Served;
const start = (): Promise<Served> =>
  serve({
    module: shop,
    data: join(data, 'main'),
    port: 0,
    diagnostics: { modulePrinted: () => {}, reducerThrew: () => {} },
  });
const here = (...args: readonly string[]) => run(...args, '--data', data);

/** By anyone, while a command goes on. */
async function ask(reducer: string, ...args: readonly unknown[]): Promise<void> {
  const response = await fetch(`${server.url}/v1/database/main/call/${reducer}`, {
    method: 'POST',
    body: JSON.stringify(args),
  });
  expect(response.status).toBe(200);
}

beforeAll(async () => {
  root = mkdtempSync(join(tmpdir(), 'forerun-cli-'));
  data = join(root, 'data');
  server = await start();
});
afterAll(async () => {
  await server.close();
  rmSync(root, { recursive: true });
});

describe('at a server that runs', () => {
  test('[CMD-5] call says which commit, or that nothing changed', async () => {
    expect(await here('call', 'add', 'Milk')).toEqual({
      code: 0,
      out: expect.stringMatching(/^✓ add: commit \d+\n$/),
      err: '',
    });
    // A number that the module wants as a text.
    expect((await here('call', 'add', '7')).code).toBe(0);
    expect((await here('call', 'add', '{"text": "Tea"}')).code).toBe(0);
    expect((await here('call', 'toggle', '99')).out).toBe('toggle: nothing changed\n');
    expect(JSON.parse((await here('call', 'toggle', '1', '--json')).out)).toEqual({ seq: server.authority.durableSeq });
  });

  test('[CMD-5] sql shows a table, JSON for programs, and what a statement has changed', async () => {
    expect((await here('sql', 'SELECT id, text, done FROM item ORDER BY id')).out).toBe(
      'id  text  done\n──  ────  ────\n 1  Milk     1\n 2  7        0\n 3  Tea      0\n3 rows\n',
    );
    expect(JSON.parse((await here('sql', '--json', 'SELECT text FROM item WHERE id = 3')).out)).toEqual([
      { text: 'Tea' },
    ]);
    expect((await here('sql', "INSERT INTO secret VALUES ('gold', 1), ('tin', 2.5)")).out).toBe('✓ 2 rows inserted\n');
    expect((await here('sql', "UPDATE secret SET weight = 3 WHERE word = 'tin'")).out).toBe('✓ 1 row updated\n');
    expect((await here('sql', 'DELETE FROM secret WHERE weight > 100')).out).toBe('nothing changed\n');
    expect(JSON.parse((await here('sql', '--json', "DELETE FROM secret WHERE word = 'tin'")).out)).toEqual({
      rows_inserted: 0,
      rows_updated: 0,
      rows_deleted: 1,
    });
  });

  test('[CMD-5] describe shows tables, views and reducers', async () => {
    expect((await here('describe')).out).toMatchInlineSnapshot(`
      "item  public
        id    u64  primary key, autoInc
        text  string
        done  bool
        by    option(identity)

      secret  private
        word    string
        weight  f64
        unique on word

      open  view
        id    u64
        text  string
        done  bool
        by    option(identity)

      reducers
        add(text: string)
        tick()  not predicted
        toggle(id: u64)
      "
    `);
    const described = JSON.parse((await here('describe', '--json')).out);
    expect(described).toMatchObject({ tables: [{ name: 'item' }, { name: 'secret' }], views: [{ name: 'open' }] });
  });

  test('[CMD-5] logs show the newest lines, and with -f go on until the server ends', async () => {
    expect((await here('logs', '-n', '2')).out.replaceAll(/^\S+/gm, 'TIME')).toBe(
      'TIME  info   add  adding 7\nTIME  info   add  adding Tea\n',
    );
    const following = new Command('logs', '-f', '-n', '0', '--data', data);
    await vi.waitFor(async () => {
      await ask('tick');
      expect(following.out).toMatch(/warn {3}tick {2}tick\n/);
    });
    await server.close();
    const { code, err } = await following.ended;
    expect(err).toMatch(/^forerun: The connection to http:\S+ has ended\. Run it again once the server does\.\n$/);
    expect(code).toBe(3);
    server = await start();
  });

  test('[CMD-5] subscribe shows what comes into a result and leaves it', async () => {
    const following = new Command('subscribe', 'SELECT text FROM item WHERE done = 0', '-n', '4', '--data', data);
    await vi.waitFor(() => expect(following.out.split('\n')).toHaveLength(3));
    await ask('add', 'Rye bread');
    await vi.waitFor(() => expect(following.out).toContain('Rye'));
    await ask('toggle', 2);
    const { code, out } = await following.ended;
    expect(out).toBe('+ text=7\n+ text=Tea\n+ text=Rye bread\n- text=7\n');
    expect(code).toBe(0);
  });

  test.each<[string[], number, RegExp]>([
    [['call', 'add', ''], 1, /^forerun: There is nothing to add\.\n$/],
    [['call', 'toggle', 'first'], 1, /toggle\.id: expected u64, got string "first"/],
    [['call', 'add', 'a', 'b'], 1, /takes text, and got 2 arguments/],
    [['call', 'ad', 'a'], 1, /no reducer 'ad'\. There are: add, tick, toggle/],
    [['sql', 'SELEC 1'], 1, /syntax error/],
    [['sql', 'SELECT * FROM items'], 1, /no such table: items/],
    [['sql', 'DROP TABLE item'], 1, /DROP|query/],
    [['describe', '--database', 'other'], 1, /There is no database 'other' in .* There is: main\./],
    [['describe', '--token', 'nonsense'], 1, /token/i],
    [['subscribe', 'SELECT * FROM items'], 1, /no such table: items/],
    [['logs', '-n', 'many'], 2, /It is a number/],
    [['describe', '--server', 'localhost'], 2, /localhost is no address\. Write it like http:/],
    [['describe', '--server', 'http://127.0.0.1:1'], 3, /No server is reached at http:\/\/127\.0\.0\.1:1\. Start it/],
  ])('[CMD-3] %j ends with %i and the next step, without a stack', async (args, code, message) => {
    const said = await here(...args);
    expect(said.err).toMatch(message);
    expect(said.code).toBe(code);
    expect(said.out).toBe('');
    expect(said.err).not.toMatch(/^\s+at /m);
    // With --verbose one is shown.
    if (code === 1) expect((await here(...args, '--verbose')).err).toMatch(/^\s+at /m);
  });
});

describe('at a server of another kind', () => {
  test.each<[string, string | undefined, number, RegExp | undefined]>([
    [
      'a later version',
      '99.1.0',
      1,
      /is version 99\.1\.0, this command is \S+\. Use the one of its version: npx forerun@99\.1\.0\n$/,
    ],
    ['a patch of this version', version.replace(/\d+$/, '99'), 0, undefined],
    ['no Forerun server', undefined, 1, /answered 200, and not as a Forerun server does/],
  ])('[CMD-6] %s is told apart', async (_, theirs, code, message) => {
    const other = createServer((_request, response) => {
      if (theirs !== undefined) response.setHeader(versionHeader, theirs);
      response.end(theirs === undefined ? '<html>' : '{"seq": 5}');
    });
    await new Promise<void>((resolve) => other.listen(0, '127.0.0.1', resolve));
    const { port } = other.address() as { port: number };
    const said = await run('call', 'add', 'x', '--server', `http://127.0.0.1:${port}`);
    if (message === undefined) expect(said.err).toBe('');
    else expect(said.err).toMatch(message);
    expect(said.code).toBe(code);
    await new Promise((resolve) => other.close(resolve));
  });

  test('[CMD-6] every answer of ours says its version', async () => {
    for (const path of ['/v1/ping', '/v1/database/main', '/v1/database/main/nothing'])
      expect((await fetch(server.url + path)).headers.get(versionHeader), path).toBe(version);
  });
});

describe('on a data folder', () => {
  test('[CMD-7] a backup of a running database is whole, and restoring it brings its rows back', async () => {
    const file = join(root, 'monday.backup');
    const made = await here('backup', file);
    expect(made.out).toMatch(
      /monday\.backup: \d rows in 2 tables(?: \(\d+ commits? more in the log\))?, as of commit \d+\nIt holds the key of the tokens/,
    );
    expect((await run('check', file)).out).toMatch(
      /^✓ .*monday\.backup is whole: \d rows in 2 tables(?: \(\d+ commits? more in the log\))?, \d+ batches of log, commit \d+\n$/,
    );
    expect((await here('backup', file)).err).toMatch(/^forerun: .*monday\.backup/);
    const running = await here('restore', file);
    expect(running.err).toMatch(/^forerun: .*(in use|open|runs)/i);
    expect(running.code).toBe(1);

    const before = await here('sql', '--json', 'SELECT * FROM item ORDER BY id');
    await here('sql', 'DELETE FROM item');
    await server.close();
    const restored = await here('restore', file);
    expect(restored.err).toBe('');
    expect(restored.out).toMatch(
      /^✓ main: \d rows in 2 tables(?: \(\d+ commits? more in the log\))?, as of commit \d+\nWhat was there is now .*before-restore-1\.\n$/,
    );
    server = await start();
    expect(await here('sql', '--json', 'SELECT * FROM item ORDER BY id')).toEqual(before);
    expect(JSON.parse((await here('check', '--json')).out)).toMatchObject({
      problems: [],
      rows: { item: expect.any(Number), secret: expect.any(Number) },
    });
  });

  test('[CMD-7] restoring into an empty folder needs nothing there', async () => {
    const file = join(root, 'other.backup');
    await here('backup', file);
    const said = await run('restore', file, '--data', join(root, 'new'), '--json');
    expect(JSON.parse(said.out)).toMatchObject({ problems: [], moved_to: null });
    expect(existsSync(filesIn(join(root, 'new', 'main'), 'main').databaseFile)).toBe(true);
  });

  test('[CMD-7] check tells what is damaged, and fails', async () => {
    const file = join(root, 'damaged.backup');
    await here('backup', file);
    const handle = openSync(file, 'r+');
    const { size } = statSync(file);
    for (let at = 4096; at < size; at += 512) writeSync(handle, Buffer.alloc(64, 0xa5), 0, 64, at);
    closeSync(handle);
    const said = await run('check', file);
    expect(said.code).toBe(1);
    expect(said.out + said.err).toMatch(/✗|damaged|malformed|corrupt/);
    expect(said.err).not.toMatch(/^\s+at /m);
    const read = readFileSync(file);
    await run('restore', file, '--data', join(root, 'never'));
    expect(readFileSync(file).equals(read)).toBe(true);
    expect(existsSync(join(root, 'never', 'main', 'main.sqlite'))).toBe(false);
  });

  test.each<[string[], RegExp]>([
    [['check', 'nothing.backup'], /There is no file nothing\.backup/],
    [['restore', 'nothing.backup'], /There is no backup nothing\.backup/],
    [['backup', '--data', '/nowhere'], /There is no data in .*nowhere\. Start the database first/],
  ])('[CMD-3] %j says what is missing', async (args, message) => {
    const said = await run(...args);
    expect(said.err).toMatch(message);
    expect(said.code).toBe(1);
    expect(readdirSync('.')).not.toContain('nothing.backup');
  });
});
