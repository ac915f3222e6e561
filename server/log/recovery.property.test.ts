import fc from 'fast-check';
import { join } from 'node:path';
import { truncateSync, statSync, existsSync } from 'node:fs';
import { expect, test } from 'vitest';
import type { ClientRecord } from '../../core/authority/clients.ts';
import type { CallId, ClientId } from '../../core/commit/call.ts';
import { ConnectionId } from '../../core/value/connection-id.ts';
import { Identity } from '../../core/value/identity.ts';
import {
  copyOf,
  itemIdColumn,
  itemTableId,
  logOf,
  openAuthority,
  openStorage,
  recoveredState,
  type StateText,
  scratchFolder,
  stateOf,
  storeDefinition,
} from './storage.testing.ts';

const clientCount = 3;

type Step =
  | {
      readonly type: 'call';
      readonly client: number;
      readonly reducer: 'add' | 'change' | 'label';
      readonly args: object;
    }
  | { readonly type: 'acknowledge'; readonly client: number; readonly back: number }
  | { readonly type: 'connect' | 'disconnect' | 'lend'; readonly client: number }
  /** Work on the tables, so much that it ends anywhere in a stretch. */
  | { readonly type: 'slices'; readonly count: number }
  /** Read back what was not taken as it was appended, as while appends come. */
  | { readonly type: 'readBack' }
  /** Wait until everything is durable. */
  | { readonly type: 'settle' }
  | { readonly type: 'crash' };

const client = fc.nat(clientCount - 1);
const wideAmount = fc.bigInt({ min: -(1n << 63n), max: (1n << 63n) - 1n });
const word = fc.oneof(fc.constantFrom('', 'a\0b', 'ä', '\u{1f600}'), fc.string({ unit: 'grapheme', maxLength: 4 }));
const weight = fc.oneof(fc.double(), fc.constantFrom(Number.NaN, Number.POSITIVE_INFINITY, -0, 3));
const call = fc.oneof(
  fc.record({ reducer: fc.constant('add' as const), args: fc.record({ amount: wideAmount }) }),
  fc.record({
    reducer: fc.constant('change' as const),
    args: fc.record({ nth: fc.nat(20), amount: fc.oneof(fc.constant(0n), wideAmount) }),
  }),
  fc.record({ reducer: fc.constant('label' as const), args: fc.record({ word, weight }) }),
);
const steps = fc.array(
  fc.oneof(
    {
      weight: 12,
      arbitrary: fc
        .record({ type: fc.constant('call' as const), client })
        .chain((head) => call.map((rest) => ({ ...head, ...rest }))),
    },
    { weight: 2, arbitrary: fc.record({ type: fc.constant('acknowledge' as const), client, back: fc.nat(3) }) },
    {
      weight: 3,
      arbitrary: fc.record({
        type: fc.constantFrom('connect' as const, 'disconnect' as const, 'lend' as const),
        client,
      }),
    },
    {
      weight: 4,
      arbitrary: fc.record({ type: fc.constant('slices' as const), count: fc.integer({ min: 1, max: 4 }) }),
    },
    { weight: 2, arbitrary: fc.constant({ type: 'readBack' as const }) },
    { weight: 4, arbitrary: fc.constant({ type: 'settle' as const }) },
    { weight: 2, arbitrary: fc.constant({ type: 'crash' as const }) },
  ),
  { minLength: 20, maxLength: 60 },
);

/** Bytes of log after which appends take the tables along: always, now and then, never. */
const behindBytesMax = fc.constantFrom(0, 600, Number.POSITIVE_INFINITY);

interface Crash {
  /** The files as the crash left them. */
  readonly path: string;
  /** What was there, everything being durable. */
  readonly live: StateText;
}

/** Lives through the steps; gives what each crash left, and the rows as of each seq. */
async function live(
  all: readonly Step[],
  behindMax: number,
): Promise<{ crashes: Crash[]; rowsBySeq: Map<number, string> }> {
  const path = join(scratchFolder(), 'main.sqlite');
  const storage = openStorage(path);
  const authority = await openAuthority(logOf(storage, path, behindMax));
  const clients = Array.from({ length: clientCount }, (_, n) =>
    authority.client(`${n + 1}`.repeat(32) as ClientId, new Identity(BigInt(n + 1))),
  );
  const connections: (ConnectionId | undefined)[] = Array(clientCount).fill(undefined);
  const rowsBySeq = new Map([[0, stateOf(authority).rows]]);
  const crashes: Crash[] = [];
  let connectionCount = 0n;
  let timestampMicros = 1_700_000_000_000_000;
  for (const step of all) {
    const client = clients['client' in step ? step.client : 0] as ClientRecord;
    const place = 'client' in step ? step.client : 0;
    if (step.type === 'call') {
      const reducerId = storeDefinition.reducers.find(({ name }) => name === step.reducer)?.reducerId as number;
      const callId = (client.lastCallId + 1) as CallId;
      authority.call(client, {
        callId,
        reducerId,
        timestampMicros: timestampMicros++,
        args: { value: step.args },
        connectionId: null,
        idHints: [],
      });
    } else if (step.type === 'acknowledge') authority.acknowledge(client, (client.lastCallId - step.back) as CallId);
    else if (step.type === 'lend')
      authority.lend(
        storeDefinition.tables[itemTableId] as (typeof storeDefinition.tables)[number],
        itemIdColumn,
        client,
      );
    else if (step.type === 'connect' && connections[place] === undefined) {
      const connection = new ConnectionId(++connectionCount);
      connections[place] = connection;
      await authority.connect(connection, client.identity);
    } else if (step.type === 'disconnect') {
      if (connections[place] !== undefined) authority.disconnect(connections[place]);
      connections[place] = undefined;
    } else if (step.type === 'slices') for (let i = 0; i < step.count; i++) storage.slice(0.001);
    else if (step.type === 'readBack') storage.readBack(0.001);
    else if (step.type === 'settle' || step.type === 'crash') {
      await authority.settled();
      if (step.type === 'crash') crashes.push({ path: copyOf(path), live: stateOf(authority) });
    }
    rowsBySeq.set(authority.executedSeq, stateOf(authority).rows);
  }
  await authority.settled();
  crashes.push({ path: copyOf(path), live: stateOf(authority) });
  await authority.close();
  crashes.push({ path, live: crashes[crashes.length - 1]?.live as StateText });
  return { crashes, rowsBySeq };
}

test('[AUT-10] [COM-8] a restart after a crash at any point has what was durable, and the tables give the same as the whole log', async () => {
  await fc.assert(
    fc.asyncProperty(steps, behindBytesMax, async (all, behindMax) => {
      const { crashes } = await live(all, behindMax);
      for (const crash of crashes) {
        const fromTables = await recoveredState(crash.path, 'tables');
        const fromLog = await recoveredState(crash.path, 'log');
        expect(fromTables).toEqual(fromLog);
        expect(fromTables.seq).toBe(crash.live.seq);
        expect(fromTables.rows).toBe(crash.live.rows);
        expect(fromTables.connections).toBe(crash.live.connections);
      }
    }),
    { numRuns: 16 },
  );
}, 60_000);

test('a write-ahead log cut off anywhere gives the rows as of some commit', async () => {
  let cut = 0;
  await fc.assert(
    fc.asyncProperty(steps, fc.nat(999), behindBytesMax, async (all, thousandths, behindMax) => {
      const { crashes, rowsBySeq } = await live(all, behindMax);
      for (const { path } of crashes) {
        if (!existsSync(`${path}-wal`)) continue;
        truncateSync(`${path}-wal`, Math.floor(statSync(`${path}-wal`).size * (thousandths / 1000)));
        cut++;
        const { rows, seq } = await recoveredState(path, 'tables');
        expect(rows).toBe(rowsBySeq.get(seq));
      }
    }),
    { numRuns: 12 },
  );
  expect(cut).toBeGreaterThan(0);
}, 60_000);
