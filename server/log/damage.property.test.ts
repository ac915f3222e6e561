import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { CallId, ClientId } from '../../core/commit/call.ts';
import { ForerunError } from '../../core/errors.ts';
import { Identity } from '../../core/value/identity.ts';
import { serve } from '../serve.ts';
import {
  copyOf,
  logOf,
  openAuthority,
  openStorage,
  recoveredState,
  type StateText,
  scratchFolder,
  stateOf,
  storeDefinition,
  storeExports,
} from './storage.testing.ts';

interface Fixture {
  readonly path: string;
  readonly state: StateText;
  readonly batches: number;
  readonly rowsBySeq: ReadonlyMap<number, string>;
}

const batchCount = 60;

/** A database whose tables hold half of its log; closed, or as a kill -9 leaves it. */
async function fixture(end: 'closed' | 'killed'): Promise<Fixture> {
  const path = join(scratchFolder(), 'main.sqlite');
  const storage = openStorage(path);
  const authority = await openAuthority(logOf(storage, path));
  const client = authority.client('ab'.repeat(16) as ClientId, new Identity(7n));
  const rowsBySeq = new Map<number, string>();
  const call = (name: string, value: object): void => {
    const reducerId = storeDefinition.reducers.find((reducer) => reducer.name === name)?.reducerId as number;
    authority.call(client, {
      callId: (client.lastCallId + 1) as CallId,
      reducerId,
      timestampMicros: 1_700_000_000_000_000,
      args: { value },
      connectionId: null,
      idHints: [],
    });
  };
  for (let n = 0; n < batchCount; n++) {
    call('add', { amount: BigInt(n) << 50n });
    call('label', { word: `word ${n}`.repeat(n), weight: n / 7 });
    await authority.settled();
    rowsBySeq.set(authority.executedSeq, stateOf(authority).rows);
    if (n === batchCount / 2) while (storage.slice(100));
  }
  const state = stateOf(authority);
  if (end === 'killed') return { path: copyOf(path), state, batches: storage.extent.last, rowsBySeq };
  storage.close(0);
  return { path, state, batches: storage.extent.last, rowsBySeq };
}

/** What a start makes of the damaged file: the state, or the code of its refusal. */
async function start(path: string): Promise<StateText | string> {
  try {
    return await recoveredState(path, 'tables');
  } catch (error) {
    if (error instanceof ForerunError) return error.code;
    throw error;
  }
}

/** Evenly spread, which fc.double is not. */
const share = fc.nat(999_999).map((millionths) => millionths / 1_000_000);
/** Where to do damage: a share of the file's length, and a bit. */
const place = fc.record({ share, bit: fc.nat(7) });

function flip(bytes: Buffer, { share, bit }: { share: number; bit: number }): void {
  const at = Math.floor(share * bytes.length);
  bytes[at] = (bytes[at] as number) ^ (1 << bit);
}

test('one bit turned over anywhere in the file is found, or changes nothing', async () => {
  const { path, state } = await fixture('closed');
  const whole = readFileSync(path);
  let found = 0;
  await fc.assert(
    fc.asyncProperty(place, async (where) => {
      const damaged = Buffer.from(whole);
      flip(damaged, where);
      writeFileSync(path, damaged);
      for (const suffix of ['-wal', '-shm']) rmSync(path + suffix, { force: true });
      const result = await start(path);
      if (typeof result === 'string') {
        expect(['database-corrupt', 'data-folder-unusable']).toContain(result);
        found++;
      } else expect(result).toEqual(state);
    }),
    { numRuns: 200 },
  );
  expect(found).toBeGreaterThan(0);
}, 60_000);

test('one bit turned over in the write-ahead log is found, or costs no more than a write cut short would', async () => {
  const { path, batches, rowsBySeq, state } = await fixture('killed');
  const [file, wal] = [readFileSync(path), readFileSync(`${path}-wal`)];
  let found = 0;
  await fc.assert(
    fc.asyncProperty(place, async (where) => {
      const damaged = Buffer.from(wal);
      flip(damaged, where);
      writeFileSync(path, file);
      writeFileSync(`${path}-wal`, damaged);
      rmSync(`${path}-shm`, { force: true });
      const result = await start(path);
      if (typeof result === 'string') {
        expect(result).toBe('database-corrupt');
        found++;
        return;
      }
      expect(result.rows).toBe(rowsBySeq.get(result.seq));
      expect(state.seq - result.seq).toBeLessThanOrEqual(2 * Math.ceil(state.seq / batches));
    }),
    { numRuns: 100 },
  );
  expect(found).toBeGreaterThan(0);
}, 60_000);

describe('a write-ahead log without a header', () => {
  const headers: readonly (readonly [string, (wal: Buffer) => Buffer])[] = [
    ['of zeros', (wal) => Buffer.concat([Buffer.alloc(32), wal.subarray(32)])],
    ['that is noise', (wal) => Buffer.concat([Buffer.alloc(32, 0xa7), wal.subarray(32)])],
    ['and with a broken first frame', (wal) => Buffer.concat([Buffer.alloc(80), wal.subarray(80)])],
    ['that is noise altogether', (wal) => Buffer.alloc(wal.length, 0xa7)],
    ['that is zeros altogether', (wal) => Buffer.alloc(wal.length)],
  ];

  test.each(headers)('%s is refused, and nothing is changed', async (_, damage) => {
    const { path } = await fixture('killed');
    const damaged = damage(readFileSync(`${path}-wal`));
    writeFileSync(`${path}-wal`, damaged);
    const file = readFileSync(path);
    expect(await start(path)).toBe('database-corrupt');
    expect(readFileSync(`${path}-wal`).equals(damaged)).toBe(true);
    expect(readFileSync(path).equals(file)).toBe(true);
  });

  test('is as good as none when the file has all of its pages', async () => {
    const { path, state } = await fixture('killed');
    const db = new DatabaseSync(path);
    db.exec('PRAGMA wal_checkpoint(PASSIVE)');
    const copy = copyOf(path);
    db.close();
    const wal = readFileSync(`${copy}-wal`);
    writeFileSync(`${copy}-wal`, wal.fill(0, 0, 32));
    expect(await start(copy)).toEqual(state);
  });
});

test('a file that is damaged is left as it is, with the write-ahead log that a stop left beside it', async () => {
  const { path } = await fixture('killed');
  const [file, wal] = [readFileSync(path), readFileSync(`${path}-wal`)];
  let found = 0;
  // Of most pages the log has a newer image.
  for (let at = 0; at < file.length && found < 2; at += 4_096) {
    const damaged = Buffer.from(file).fill(0, at, at + 100);
    writeFileSync(path, damaged);
    writeFileSync(`${path}-wal`, wal);
    rmSync(`${path}-shm`, { force: true });
    const refused = await serve({ module: storeExports, data: dirname(path), port: 0 }).then(
      (server) => server.close(),
      (error: unknown) => error,
    );
    if (refused === undefined) continue;
    expect(refused).toMatchObject({ code: 'database-corrupt' });
    found++;
    expect(readFileSync(path).equals(damaged)).toBe(true);
    // A start tries whether it may write before it reads all rows.
    expect(readFileSync(`${path}-wal`).subarray(0, wal.length).equals(wal)).toBe(true);
  }
  expect(found).toBeGreaterThan(0);
}, 60_000);

test('a file cut short anywhere is refused', async () => {
  const { path } = await fixture('closed');
  const whole = readFileSync(path);
  await fc.assert(
    fc.asyncProperty(share, async (kept) => {
      writeFileSync(path, whole.subarray(0, Math.floor(whole.length * kept)));
      for (const suffix of ['-wal', '-shm']) rmSync(path + suffix, { force: true });
      expect(await start(path)).toBe('database-corrupt');
    }),
    { numRuns: 50 },
  );
});
