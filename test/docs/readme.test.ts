/** The example of README.md, run as pasted: both files in a folder of their own, with the package installed beside them. */

import { execFile } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { expect, onTestFinished, test } from 'vitest';

const root = fileURLToPath(new URL('../..', import.meta.url));
const readme = readFileSync(join(root, 'README.md'), 'utf8');
const files = [...readme.matchAll(/^```ts (\S+)\n([\s\S]*?)^```$/gm)].map(([, name = '', text = '']) => ({
  name,
  text,
}));

test('the example runs, predicts its call and has it confirmed', { timeout: 60_000 }, async () => {
  const folder = mkdtempSync(join(tmpdir(), 'forerun-readme-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  for (const { name, text } of files) writeFileSync(join(folder, name), text);
  writeFileSync(join(folder, 'package.json'), '{ "type": "module" }\n');
  mkdirSync(join(folder, 'node_modules'));
  symlinkSync(root, join(folder, 'node_modules', 'forerun'), 'dir');

  // From the sources: what a build adds is tested where it is made.
  const run = promisify(execFile)(process.execPath, ['--conditions=forerun-source', 'main.ts'], { cwd: folder });
  const { stdout } = await run;

  expect(stdout).toBe("[ { text: 'Hello' } ]\n{ seq: 1, asPredicted: true }\n");
});

test('the front page fits on two screens', () => {
  expect(readme.split('\n').length).toBeLessThanOrEqual(91);
});
