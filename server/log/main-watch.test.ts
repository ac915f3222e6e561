import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';

const fixture = new URL('./main-watch.testing.ts', import.meta.url).pathname;

/** Errors of the process that does this with its main thread; it goes on, and ends by itself. */
async function told(what: 'endless' | 'waiting'): Promise<string> {
  const { stderr } = await promisify(execFile)(process.execPath, [fixture, what], { timeout: 60_000 });
  return stderr;
}

test('[LIM-9] a main thread that computes without end is told of, with the function that it is in, and again when it is over', async () => {
  const text = await told('endless');
  expect(text).toMatch(/has not answered for [\d.]+ s.*It is in endless \(.*main-watch\.testing\.ts:\d+\)/);
  expect(text).toMatch(/answers again/);
}, 60_000);

test('[LIM-9] one that waits for the system is told of as well, and goes on', async () => {
  const text = await told('waiting');
  expect(text).toMatch(/has not answered/);
  expect(text).toMatch(/answers again/);
}, 60_000);
