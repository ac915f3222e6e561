import { expect, test } from 'vitest';

test('a module worker finds the WebAssembly of SQLite beside the file that loads it', async () => {
  const worker = new Worker(new URL('./sqlite.worker.ts', import.meta.url), { type: 'module' });
  const rows = await new Promise<unknown>((resolve, reject) => {
    worker.onmessage = (event) => resolve(event.data);
    worker.onerror = (event) => reject(new Error(event.message));
    worker.postMessage('ask');
  });
  worker.terminate();
  expect(rows).toEqual([[expect.stringMatching(/^sqlite 3\./), 42]]);
});
