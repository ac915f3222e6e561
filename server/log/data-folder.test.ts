import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { openDataFolder } from './data-folder.ts';
import { scratchFolder } from './storage.testing.ts';

const unusable = (message: RegExp) =>
  expect.objectContaining({ code: 'data-folder-unusable', message: expect.stringMatching(message) });

test('a folder is made where there is none', () => {
  const folder = openDataFolder(join(scratchFolder(), 'a/b'), 'main');
  onTestFinished(folder.release);
  expect(folder.databaseFile).toMatch(/a\/b\/main\.sqlite$/);
});

test('a second server is told that the folder is taken, until the first lets go', () => {
  const path = scratchFolder();
  const first = openDataFolder(path, 'main');
  expect(() => openDataFolder(path, 'main')).toThrowError(unusable(/[Aa]nother server/));
  expect(() => openDataFolder(path, 'other')).toThrowError(unusable(/[Aa]nother server/));
  first.release();
  first.release();
  openDataFolder(path, 'main').release();
});

test('a file in the place of the folder, and a folder that takes no files, are refused', () => {
  const file = join(scratchFolder(), 'file');
  writeFileSync(file, 'mine');
  expect(() => openDataFolder(file, 'main')).toThrowError(unusable(/can not be created/));
  expect(() => openDataFolder(join(file, 'below'), 'main')).toThrowError(unusable(/can not be created/));
  expect(() => openDataFolder('/proc/none', 'main')).toThrowError(unusable(/can not be created/));
  expect(() => openDataFolder('/proc/none/below', 'main')).toThrowError(unusable(/can not be created/));
  expect(() => openDataFolder('/proc/self', 'main')).toThrowError(unusable(/can not be written/));
});

test('a lock file that is none is told with what to do, and left as it is', () => {
  const path = scratchFolder();
  writeFileSync(join(path, 'lock'), 'a text of somebody, longer than nothing'.repeat(100));
  expect(() => openDataFolder(path, 'main')).toThrowError(unusable(/lock is damaged.*delete it/));
  rmSync(join(path, 'lock'));
  openDataFolder(path, 'main').release();
});

test('a database name that would leave the folder is refused', () => {
  for (const name of ['', '..', 'a/b', '.hidden', 'a b', 'x'.repeat(64)]) {
    expect(() => openDataFolder(scratchFolder(), name)).toThrowError(unusable(/letters, digits/));
  }
});
