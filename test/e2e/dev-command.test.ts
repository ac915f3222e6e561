/** `npm run dev` of this checkout: where it says that the demos are, the gallery is, with its scripts and their databases. */

import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { Child } from './child.testing.ts';

test('npm run dev prints an address, at which the gallery and the databases of the demos are', {
  timeout: 120_000,
}, async () => {
  const { scripts } = JSON.parse(readFileSync(join(import.meta.dirname, '../../package.json'), 'utf8'));
  const [node, condition, script = ''] = scripts.dev.split(' ');
  // As `Child` starts it.
  expect([node, condition]).toEqual(['node', '--conditions=forerun-source']);
  const data = mkdtempSync(join(tmpdir(), 'forerun-dev-'));
  const dev = new Child(script, ['--port', '0'], { FORERUN_DEMO_DATA: data, FORERUN_DEMO_FLIGHTS: '10' });
  onTestFinished(async () => {
    await dev.end();
    rmSync(data, { recursive: true, force: true });
  });
  const [url = ''] = /http:\S+/.exec(await dev.says(/Local: +http:\/\/localhost:\d+\//)) ?? [];
  const page = await (await fetch(url)).text();
  expect(page).toContain('<title>Demos – Forerun</title>');
  const scriptPath = /src="\.?(\/gallery\.tsx[^"]*)"/.exec(page)?.[1] ?? '';
  expect((await fetch(new URL(scriptPath, url))).status).toBe(200);
  // One after the other, in this order.
  for (const name of ['arena', 'pad', 'flights', 'chat']) {
    await dev.says(new RegExp(`Database ${name}: ws://localhost:\\d+/v1/database/${name}/subscribe`));
    const info = await (await fetch(`${url}v1/database/${name}`)).json();
    expect(info).toMatchObject({ name, seq: expect.any(Number) });
  }
});
