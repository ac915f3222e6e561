import fc from 'fast-check';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { Home } from '../authority/home.testing.ts';
import * as ledger from '../authority/ledger.testing.ts';
import { arbitraryBytes } from '../codec/arbitrary.testing.ts';
import { ByteWriter } from '../codec/bytes.ts';
import { rendered } from '../codec/rendered.testing.ts';
import type { Key, Row } from '../commit/row-change.ts';
import { encodeClientMessage } from '../protocol/frame.ts';
import { hubOf, pass, Visitor } from './visitor.testing.ts';

// So that a handful of rows makes a snapshot of several chunks.
vi.mock('../limits.ts', async (original) => {
  const { limits } = await original<typeof import('../limits.ts')>();
  return { limits: { ...limits, snapshotChunkRows: 3 } };
});

const homes: Home[] = [];
afterEach(() => {
  for (const home of homes.splice(0)) home.kill();
});

async function open(): Promise<Home> {
  const home = await Home.open(ledger);
  homes.push(home);
  return home;
}

/** The rows of a table as of each commit that was told. */
class History {
  readonly #rows = new Map<Key, Row>();
  readonly #states = new Map<number, string[]>();

  constructor(home: Home, accessor: string) {
    const tableId = home.authority.definition.tables.findIndex((table) => table.accessor === accessor);
    const { keyOf } = home.authority.engine.shape(tableId);
    for (const row of home.authority.engine.rows(tableId)) this.#rows.set(keyOf(row), row);
    this.#states.set(home.authority.durableSeq, this.#state());
    home.authority.listen({
      durable: ({ commits, lastSeq }) => {
        for (const { changes } of commits) {
          for (const change of changes) {
            if (change.tableId !== tableId) continue;
            if (change.after === undefined) this.#rows.delete(change.key);
            else this.#rows.set(change.key, change.after);
          }
        }
        this.#states.set(lastSeq, this.#state());
      },
      unavailable: () => {},
    });
  }

  at(seq: number): string[] | undefined {
    return this.#states.get(seq);
  }

  #state(): string[] {
    return [...this.#rows.values()].map(rendered).sort();
  }
}

type Act = { readonly type: (typeof actTypes)[number]; readonly key: number };
const actTypes = ['add', 'drop', 'tick', 'pass', 'hold', 'letGo', 'subscribe', 'unsubscribe', 'reconnect'] as const;

const key = fc.nat(14);
const one = (type: Act['type']): fc.Arbitrary<Act[]> => key.map((each) => [{ type, key: each }]);
/** Calls before, between and after the chunks of a snapshot, all in a batch that waits for the one before it. */
const race: fc.Arbitrary<Act[]> = fc
  .tuple(fc.array(fc.tuple(fc.constantFrom('add', 'drop', 'pass'), key), { maxLength: 12 }), key)
  .map(([between, first]): Act[] => [
    { type: 'hold', key: 0 },
    { type: 'add', key: first },
    { type: 'pass', key: 0 },
    { type: 'subscribe', key: first },
    ...between.map(([type, each]): Act => ({ type, key: each })),
    { type: 'letGo', key: 0 },
  ]);
const acts = fc
  .array(
    fc.oneof(
      { weight: 5, arbitrary: fc.oneof(one('add'), one('drop')) },
      { weight: 5, arbitrary: fc.oneof(one('tick'), one('pass')) },
      { weight: 2, arbitrary: fc.oneof(one('subscribe'), one('unsubscribe')) },
      { weight: 3, arbitrary: race },
      { weight: 1, arbitrary: one('reconnect') },
    ),
    { minLength: 5, maxLength: 40 },
  )
  .map((lists) => lists.flat());

describe('a snapshot', () => {
  it('[SES-5] [SES-4] leaves a client with the rows as of its position, however calls, batches and chunks fall', async () => {
    let [applied, resumed] = [0, 0];
    await fc.assert(
      fc.asyncProperty(acts, async (list) => {
        const home = await open();
        const client = home.client(9);
        home.call(client, 1, 'fill', { from: 0, to: 10 });
        await home.time.settle();
        const hub = hubOf(home);
        const visitor = new Visitor(home, 1);
        const history = new History(home, 'total');
        const text = () => visitor.rows('total').map(rendered).sort();
        visitor.onApplied = (subscriptionId, seq) => {
          applied++;
          if (subscriptionId === 1) expect(text()).toEqual(history.at(seq));
        };
        visitor.connect(hub);
        visitor.hello({ queries: ['SELECT * FROM total'] });
        while (visitor.welcome === undefined) await pass(home);
        let callId = 1;
        for (const { type, key } of list) {
          if (type === 'add') home.call(client, ++callId, 'add', { name: `k${key}`, value: 1n });
          if (type === 'drop') home.call(client, ++callId, 'drop', { name: `k${key}` });
          if (type === 'tick') home.time.tick();
          if (type === 'pass') await pass(home);
          if (type === 'hold') home.log.isHeld = true;
          if (type === 'letGo') {
            home.log.isHeld = false;
            home.log.letGo();
          }
          // A second subscription to the same rows, and its end, change nothing.
          if (type === 'subscribe' && visitor.welcome)
            visitor.say({
              type: 'subscribe',
              subscription: { subscriptionId: 2 + (key % 2), queries: ['SELECT * FROM total'] },
            });
          if (type === 'unsubscribe' && visitor.welcome)
            visitor.say({ type: 'unsubscribe', subscriptionId: 2 + (key % 2) });
          if (type === 'reconnect') {
            home.log.isHeld = false;
            home.log.letGo();
            visitor.messages.length = 0;
            visitor.connect(hub);
            visitor.hello({ queries: ['SELECT * FROM total'] });
            while (visitor.welcome === undefined) await pass(home);
            if (visitor.welcome.resumed) resumed++;
          }
        }
        home.log.isHeld = false;
        home.log.letGo();
        await home.time.settle();
        expect(text()).toEqual(home.rows('total').map(rendered).sort());
      }),
      { numRuns: 100 },
    );
    expect(applied).toBeGreaterThan(50);
    expect(resumed).toBeGreaterThan(5);
  });
});

describe('any bytes', () => {
  it('[WIR-4] end their own connection with a message, or are messages; nothing else happens', async () => {
    const home = await open();
    const hub = hubOf(home);
    const witness = new Visitor(home, 1);
    witness.connect(hub);
    witness.hello({ queries: ['SELECT * FROM total'] });
    await home.time.settle();
    const begun = (attacker: Visitor) => {
      const writer = new ByteWriter();
      encodeClientMessage(writer, attacker.callMessage(1, 'write', { text: 'hello' }));
      return writer.take();
    };
    let [number, ended, calls] = [1, 0, 0];
    const damage = fc.record({
      at: fc.nat(),
      byte: fc.nat(255),
      cut: fc.nat(),
      bytes: arbitraryBytes(),
      tag: fc.nat(7),
    });
    const attack = fc.record({
      greets: fc.boolean(),
      frames: fc.array(damage, { minLength: 1, maxLength: 4 }),
      kind: fc.nat(3),
    });
    await fc.assert(
      fc.asyncProperty(attack, async ({ greets, frames, kind }) => {
        const attacker = new Visitor(home, 2 + (++number % 50));
        attacker.connect(hub);
        if (greets) {
          attacker.hello();
          await home.time.settle();
        }
        for (const { at, byte, cut, bytes, tag } of frames) {
          const frame = begun(attacker);
          frame[at % frame.length] = byte;
          if (kind === 0) attacker.sendBytes(bytes);
          if (kind === 1) attacker.sendBytes(Uint8Array.of(tag, ...bytes));
          if (kind === 2) attacker.sendBytes(frame);
          if (kind === 3) attacker.sendBytes(frame.subarray(0, cut % frame.length));
        }
        await home.time.settle();
        if (attacker.error !== undefined) {
          ended++;
          expect(['frame-invalid', 'protocol-mismatch', 'connection-refused', 'module-mismatch']).toContain(
            attacker.error.code,
          );
          expect(attacker.isClosed).toBe(true);
        }
        calls += attacker.outcomes.length;
        attacker.hangUp();
        witness.call(number, 'add', { name: 'x', value: 1n });
        await home.time.settle();
        expect(witness.outcomes.at(-1)).toMatchObject({ type: 'committed', callId: number });
        expect(hub.sessionCount).toBe(1);
      }),
      { numRuns: 300 },
    );
    expect(ended).toBeGreaterThan(100);
    expect(calls).toBeGreaterThan(5);
    expect(witness.rows('total').map(rendered)).toEqual(home.rows('total').map(rendered));
  });
});
