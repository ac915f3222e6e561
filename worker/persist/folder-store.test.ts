/** A Node client's folder: torn, damaged, deleted, shared by mistake, and by two processes at the same instant. */

import { spawn } from 'node:child_process';
import { appendFileSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import { describeClientStore, describeOwnership } from '../../test/contract/client-store.ts';
import { Desk, type Seat } from '../desk.testing.ts';
import { folderOf, openFolderStore } from './folder-store.ts';
import { openStore } from './open-store.ts';
import { damagedKeyMin } from './store.ts';

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

async function crash(seat: Seat): Promise<void> {
  seat.isReachable = false;
  seat.kill();
  seat.cut();
}

const fileIn = (path: string): string => join(path, 'replica');
const put = (section: 'calls' | 'image', key: number, length = 20) => ({
  remove: [],
  put: [{ section, key, value: new Uint8Array(length).fill(key) }],
});

describe('FolderStore', () => {
  test('[OFF-8] loses to a flipped bit, wherever it is, no call that it has not hit, and says what it has lost', async () => {
    const path = folder();
    const desk = await Desk.open();
    const first = await desk.seat({ store: await openFolderStore(path) });
    first.client.reducers.put({ id: 1, text: 'a' });
    await desk.time.advance(1_000);
    first.isReachable = false;
    first.cut();
    await desk.time.advance(1);
    for (let i = 0; i < 3; i++) {
      first.client.reducers.bump({ id: 1 });
      await desk.time.advance(1_000);
    }
    await crash(first);
    const bytes = readFileSync(fileIn(path));
    const outcomes = new Set<string>();
    // In the header; in the first writes; and in each part of the last ones, which are of one call each.
    const ends = [20, 60, 100, 110, 118, 124, 128, 150, 250, 330].map((before) => bytes.length - before);
    for (const at of [0, 5, 22, 40, 70, 300, bytes.length >> 1, ...ends]) {
      const damaged = new Uint8Array(bytes);
      damaged[at] = (damaged[at] ?? 0) ^ 4;
      const copy = folder();
      writeFileSync(fileIn(copy), damaged);
      const again = await desk.seat({ store: await openFolderStore(copy), isReachable: false });
      let handed = 0;
      again.client.onUnsent((calls) => (handed += calls.length));
      const { pending, storage } = again.client.status;
      expect(storage.type).toBe('device');
      expect(pending, `${at}`).toBeGreaterThanOrEqual(2);
      if (pending < 3) expect(handed, `${at}`).toBe(1);
      outcomes.add(`${pending} ${handed}`);
      await again.client.close();
      // It is told until it is dismissed, and is not found anew each time.
      const third = await desk.seat({ store: await openFolderStore(copy), isReachable: false });
      let still = 0;
      third.client.onUnsent((calls) => (still += calls.length));
      expect([third.client.status.pending, still], `${at}`).toEqual([pending, handed]);
      await third.client.close();
    }
    expect(outcomes).toContain('2 1');
    expect(outcomes).toContain('3 0');
  }, 60_000);

  test('[OFF-8] finds the writes behind one whose length is damaged', async () => {
    const path = folder();
    const store = await openFolderStore(path);
    await store.open();
    await store.write(put('calls', 1));
    const at = readFileSync(fileIn(path)).length;
    await store.write(put('calls', 2));
    await store.write(put('calls', 3));
    store.close();
    const bytes = readFileSync(fileIn(path));
    // Of the second write: its mark, then its length.
    bytes[at + 8] = 0xff;
    bytes[at + 9] = 0xff;
    writeFileSync(fileIn(path), bytes);
    const again = await openFolderStore(path);
    expect((await again.open()).map(({ key }) => key)).toEqual([1, 3, damagedKeyMin]);
    again.close();
  });

  test('[OFF-9] leaves nothing to be read when it was wiped, nor in what was put aside', async () => {
    const path = folder();
    writeFileSync(fileIn(path), 'of an older version: SECRET');
    const desk = await Desk.open();
    const seat = await desk.seat({ store: await openFolderStore(path) });
    seat.client.reducers.put({ id: 1, text: 'SECRET' });
    await desk.time.advance(1_000);
    const { identity = '' } = seat.client.status;
    const readAll = (): string =>
      readdirSync(path)
        .map((name) => readFileSync(join(path, name), 'latin1'))
        .join('\n');
    expect(readAll()).toContain('SECRET');
    expect(readAll()).toContain(identity);
    await seat.client.forget();
    expect(readAll()).not.toContain('SECRET');
    expect(readAll()).not.toContain(identity);
  });

  test('[OFF-7] that is deleted underneath lets the client go on in memory', async () => {
    const path = folder();
    const desk = await Desk.open();
    const seat = await desk.seat({ store: await openFolderStore(path) });
    await desk.time.advance(1_000);
    rmSync(path, { recursive: true, force: true });
    const call = seat.client.reducers.put({ id: 1, text: 'a' });
    await desk.time.advance(1_000);
    expect(call.state).toBe('confirmed');
    expect(seat.client.status).toMatchObject({ type: 'live', storage: { type: 'memory' } });
  });

  test('[OFF-12] is of one replica: another one in the same folder has its own', async () => {
    const path = folder();
    const [alpha, beta] = [await Desk.open(), await Desk.open()];
    const first = await alpha.seat({ store: await openStore({ replica: 'alpha', folder: path }) });
    first.client.reducers.put({ id: 1, text: 'of alpha' });
    await alpha.time.advance(1_000);
    first.isReachable = false;
    first.cut();
    await alpha.time.advance(1);
    first.client.reducers.put({ id: 2, text: 'meant for alpha' });
    await alpha.time.advance(1_000);
    await first.client.close();
    const other = await beta.seat({ store: await openStore({ replica: 'beta', folder: path }) });
    await beta.time.advance(20_000);
    expect(other.client.status).toMatchObject({ type: 'live', pending: 0 });
    expect(beta.home.rows('item')).toEqual([]);
    const again = await alpha.seat({ store: await openStore({ replica: 'alpha', folder: path }) });
    await alpha.time.advance(20_000);
    expect(alpha.home.rows('item')).toHaveLength(2);
    expect(again.client.status.storage).toEqual({ type: 'device' });
    const names = ['main', 'Main', 'main@localhost:3000', '../main', 'ma%69n'].map((name) => folderOf('', name));
    expect(new Set(names.map((name) => name.toLowerCase())).size).toBe(names.length);
    expect(names.every((name) => /^\/[a-z0-9_%-]+$/.test(name))).toBe(true);
  });

  test('[OFF-10] is read when it is owned: what is written after an older owner wrote it anew is there', async () => {
    const path = folder();
    const older = await openFolderStore(path);
    await older.open();
    for (let n = 0; n < 4; n++) await older.write(put('image', 0, 900_000));
    const newer = await openFolderStore(path);
    for (let n = 0; n < 4; n++) await older.write(put('image', 0, 900_000));
    await newer.open();
    await newer.write(put('calls', 1));
    newer.close();
    older.close();
    const third = await openFolderStore(path);
    expect((await third.open()).map(({ section }) => section)).toEqual(['calls', 'image']);
    third.close();
  });

  test('[OFF-10] has one owner of two processes that open it at the same instant', async () => {
    const program = `
      import { openFolderStore } from ${JSON.stringify(join(import.meta.dirname, 'folder-store.ts'))};
      const [folder, name] = process.argv.slice(1);
      const said = [];
      const turns = process.stdin[Symbol.asyncIterator]();
      console.log('ready');
      for (let round = 0; round < 20; round++) {
        await turns.next();
        const store = await openFolderStore(folder + '/' + round);
        await store.open();
        console.log('opened');
        await turns.next();
        const wrote = store.write({ remove: [], put: [{ section: 'calls', key: 1, value: new TextEncoder().encode(name) }] });
        console.log(await wrote.then(() => 'wrote', (error) => error.code));
        store.close();
      }
      process.exit();
    `;
    const path = folder();
    const players = ['a', 'b'].map((name) => new Player(program, [path, name]));
    onTestFinished(() => {
      for (const player of players) player.kill();
    });
    await Promise.all(players.map((player) => player.says()));
    for (let round = 0; round < 20; round++) {
      for (const player of players) player.tell();
      await Promise.all(players.map((player) => player.says()));
      for (const player of players) player.tell();
      const said = await Promise.all(players.map((player) => player.says()));
      expect(said.sort()).toEqual(['replica-taken', 'wrote']);
    }
  }, 60_000);
});

/** A process that says a line when it has been told to go on. */
class Player {
  readonly #child: ReturnType<typeof spawn>;
  readonly #lines: string[] = [];
  #heard: () => void = () => {};

  constructor(program: string, args: readonly string[]) {
    const node = ['--conditions=forerun-source', '--input-type=module-typescript', '-e', program, ...args];
    this.#child = spawn(process.execPath, node, { stdio: ['pipe', 'pipe', 'inherit'] });
    this.#child.stdout?.setEncoding('utf8').on('data', (text: string) => {
      this.#lines.push(...text.split('\n').filter((line) => line !== ''));
      this.#heard();
    });
  }

  tell(): void {
    this.#child.stdin?.write('.');
  }

  async says(): Promise<string> {
    for (;;) {
      const line = this.#lines.shift();
      if (line !== undefined) return line;
      await new Promise<void>((resolve) => {
        this.#heard = resolve;
      });
    }
  }

  kill(): void {
    this.#child.kill('SIGKILL');
  }
}
