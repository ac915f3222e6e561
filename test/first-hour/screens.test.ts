/** What a person sees at a terminal of 80 and of 120 columns, kept in `screens/`: a change of a screen shows in review. */

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { shop } from '../../server/cli/command-line.testing.ts';
import { serve, type Served } from '../../server/serve.ts';
import { hasScript, screen } from './project.testing.ts';

const main = join(import.meta.dirname, '../../server/cli/main.ts');
let root: string;
let server: Served;

beforeAll(async () => {
  root = mkdtempSync(join(tmpdir(), 'forerun-screens-'));
  server = await serve({
    module: shop,
    data: join(root, '.forerun/main'),
    port: 0,
    diagnostics: { modulePrinted: () => {}, reducerThrew: () => {} },
  });
});
afterAll(async () => {
  await server.close();
  rmSync(root, { recursive: true });
});

async function shown(columns: number, args: readonly string[], lines: readonly string[] = []): Promise<string> {
  const text = await screen({
    cwd: root,
    columns,
    command: [process.execPath, '--conditions=forerun-source', main, ...args],
    lines,
  });
  // What a module prints is never cut, and a path not broken.
  if (args[0] !== 'logs' || lines.length > 0)
    expect(text.split('\n').filter((line) => line.length > columns && !line.includes('/'))).toEqual([]);
  return `${text
    .replaceAll(root, 'FOLDER')
    .replaceAll(/\b\d\d:\d\d:\d\d\b/g, 'HH:MM:SS')
    .replaceAll(/commit \d+/g, 'commit N')
    .replaceAll(/\d+ batches/g, 'N batches')
    .replaceAll(/ \(\d+ commits? more in the log\)/g, '')
    .replaceAll(/127\.0\.0\.1:\d+/g, '127.0.0.1:PORT')}\n`;
}

const long = 'A long text that has to be cut somewhere, because no terminal is as wide as what people write is long';

describe.skipIf(!hasScript)('[CMD-4] screens', { timeout: 120_000 }, () => {
  const screens: readonly (readonly [string, readonly string[], (readonly string[])?])[] = [
    ['help', ['--help']],
    ['help-sql', ['sql', '--help']],
    ['wrong-command', ['cal']],
    ['call', ['call', 'add', long]],
    ['call-wrong', ['call', 'toggle', 'first']],
    ['call-unknown', ['call', 'ad', 'Milk']],
    ['sql', ['sql', 'SELECT id, text, done, by FROM item ORDER BY id']],
    ['sql-empty', ['sql', 'SELECT * FROM secret']],
    ['sql-change', ['sql', "INSERT INTO secret VALUES ('gold', 1.5)"]],
    [
      'sql-many',
      ['sql'],
      ['.tables', 'SELECT word', 'FROM secret;', 'SELEC 1;', "DELETE FROM secret WHERE word = 'gold';", '.exit'],
    ],
    ['describe', ['describe']],
    ['logs', ['logs', '-n', '1']],
    ['check', ['check']],
    ['no-server', ['logs', '--server', 'http://127.0.0.1:1']],
    ['new-taken', ['new', '.']],
  ];
  /** Of the others one width shows all. */
  const wide = new Set(['help', 'sql', 'no-server']);
  // One after the other, since they build on each other.
  for (const columns of [80, 120])
    for (const [name, args, lines] of screens.filter(([name]) => columns === 80 || wide.has(name)))
      test(`${name} at ${columns} columns`, async () => {
        await expect(await shown(columns, args, lines)).toMatchFileSnapshot(`screens/${name}-${columns}.txt`);
      });
});
