/**
 * docs/first-hour.md, done as it says: its commands run in order, its changes made to its files.
 *
 * What stands for the registry here: `npx forerun` is our tarball's, and so is the `forerun` that `npm install` takes.
 */

import { readFileSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { Home, type Running } from './project.testing.ts';

interface Block {
  readonly language: string;
  readonly kind: string;
  readonly file: string | undefined;
  readonly text: string;
}

const document = readFileSync(join(import.meta.dirname, '../../docs/first-hour.md'), 'utf8');
const blocks = [...document.matchAll(/^```(\w+)(?: (\w+))?(?: (\S+))?\n([\s\S]*?)^```$/gm)].map(
  ([, language = '', kind = '', file, text = '']): Block => ({ language, kind, file, text }),
);

let home: Home;
let server: Running | undefined;

beforeAll(async () => {
  home = new Home();
  await home.install(home.folder);
}, 240_000);
afterAll(() => home?.remove(), 60_000);

test('the first hour goes as docs/first-hour.md tells it', async () => {
  let folder = home.folder;
  const outputs: string[] = [];
  const run = async (command: string): Promise<void> => {
    const [program = '', ...args] = [...command.matchAll(/"([^"]*)"|(\S+)/g)].map(
      ([, quoted, plain]) => quoted ?? plain ?? '',
    );
    if (program === 'cd') folder = resolve(folder, args[0] ?? '');
    else if (command === 'npm install') await home.install(folder);
    else if (program === 'npx' && args[0] === 'forerun') outputs.push(await home.forerun(folder, ...args.slice(1)));
    else outputs.push(await home.run(folder, program, ...args));
  };
  for (const { language, kind, file, text } of blocks) {
    if (kind === 'run') for (const command of text.trim().split('\n')) await run(command);
    else if (kind === 'dev') {
      // `npm run dev` of the template, without npm between us and its signals.
      server = home.start(folder, 'dev', '--port', '0');
      await server.says(/Database main/);
    } else if (kind === 'replace' && file !== undefined) {
      const path = join(folder, file);
      const [before = '', after = ''] = text.split('---\n').map((each) => each.replace(/\n$/, ''));
      const source = readFileSync(path, 'utf8');
      expect(source, `${file} has ${before}`).toContain(before);
      writeFileSync(path, source.replaceAll(before, after));
    } else expect(['nginx'], `a block ${language} ${kind}`).toContain(language);
    // The command line speaks to the module as it is now.
    if (kind === 'replace' && /urgent: false/.test(text)) await server?.says(/its rows were kept/);
  }
  await server?.end();
  const said = outputs.join('\n');
  expect(said).toMatch(/add: commit \d+/);
  expect(said).toMatch(/BUY MILK +0/);
  expect(said).toMatch(/urgent +bool/);
  expect(said).toMatch(/pass 1\b/);
  expect(said).toMatch(/main\.sqlite is whole: 2 rows in 1 table/);
}, 400_000);
