import { appendFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { openFolderStore } from '../../worker/persist/folder-store.ts';
import { memoryStore } from '../../worker/persist/store.ts';
import { describeClientStore, describeOwnership } from './client-store.ts';
import { SimulatedStorage } from './simulated-storage.ts';

describeClientStore('MemoryStore', async () => {
  const store = memoryStore();
  return async () => store;
});

describeClientStore('SimulatedStorage', async () => {
  const storage = new SimulatedStorage();
  return async () => storage.connect();
});
describeOwnership('SimulatedStorage', async () => {
  const storage = new SimulatedStorage();
  return async () => storage.connect();
});

function folder(): string {
  const path = mkdtempSync(join(tmpdir(), 'forerun-client-'));
  onTestFinished(() => rmSync(path, { recursive: true, force: true }));
  return path;
}

describeClientStore('FolderStore', async () => {
  const path = folder();
  return () => openFolderStore(path);
});
describeOwnership('FolderStore', async () => {
  const path = folder();
  return () => openFolderStore(path);
});

test('[OFF-10] FolderStore: a write that a crash has cut short counts for nothing, wherever it was cut', async () => {
  const path = folder();
  const store = await openFolderStore(path);
  await store.open();
  const first = { section: 'calls', key: 1, value: new Uint8Array(20).fill(1) } as const;
  const second = { section: 'calls', key: 2, value: new Uint8Array(20).fill(2) } as const;
  await store.write({ remove: [], put: [first] });
  const whole = readFileSync(join(path, 'replica')).length;
  await store.write({ remove: [], put: [second] });
  store.close();
  const bytes = readFileSync(join(path, 'replica'));
  for (let length = whole; length < bytes.length; length++) {
    writeFileSync(join(path, 'replica'), bytes.subarray(0, length));
    const again = await openFolderStore(path);
    expect(await again.open()).toEqual([first]);
    await again.write({ remove: [], put: [second] });
    again.close();
    const after = await openFolderStore(path);
    expect(await after.open()).toEqual([first, second]);
    after.close();
  }
});

test('[OFF-8] FolderStore: a file that is not ours is put aside', async () => {
  const path = folder();
  appendFileSync(join(path, 'replica'), 'something else altogether');
  const store = await openFolderStore(path);
  expect(await store.open()).toEqual([]);
  store.close();
  expect(readFileSync(join(path, 'replica.unknown'), 'utf8')).toBe('something else altogether');
});

test('FolderStore: a file of mostly replaced writes is written anew', async () => {
  const path = folder();
  const store = await openFolderStore(path);
  await store.open();
  const value = new Uint8Array(500_000).fill(9);
  for (let n = 0; n < 30; n++) await store.write({ remove: [], put: [{ section: 'image', key: 0, value }] });
  store.close();
  expect(readFileSync(join(path, 'replica')).length).toBeLessThan(6_000_000);
  const again = await openFolderStore(path);
  expect(await again.open()).toEqual([{ section: 'image', key: 0, value }]);
  again.close();
});
