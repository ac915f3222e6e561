import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Call, IdHint } from '../commit/call.ts';
import { t } from '../module/column.ts';
import { defineModule } from '../module/module.ts';
import { schema } from '../module/schema.ts';
import { table } from '../module/table.ts';
import { clientValues, clientValuesNarrow, IdLeases, type Lease, leasedColumns } from './id-lease.ts';

const definition = defineModule({
  default: schema({
    i8: table({ public: true }, { id: t.i8().primaryKey().autoInc() }),
    u8: table({ public: true }, { id: t.u8().primaryKey().autoInc() }),
    i16: table({ public: true }, { id: t.i16().primaryKey().autoInc() }),
    u16: table({ public: true }, { id: t.u16().primaryKey().autoInc() }),
    i32: table({ public: true }, { id: t.i32().primaryKey().autoInc() }),
    u32: table({ public: true }, { id: t.u32().primaryKey().autoInc(), other: t.u64().autoInc() }),
    i64: table({ public: true }, { id: t.i64().primaryKey().autoInc() }),
    u64: table({ public: true }, { id: t.u64().primaryKey().autoInc() }),
    i256: table({ public: true }, { id: t.i256().primaryKey().autoInc() }),
    hidden: table({}, { id: t.u64().primaryKey().autoInc() }),
  }),
});
const tableOf = (accessor: string) => {
  const found = definition.tables.find((each) => each.accessor === accessor);
  if (found === undefined) throw new Error(`there is no table ${accessor}`);
  return found;
};

const clientLeaseSize = 256n;

/** Leases with the log of what they lent, and a caller. */
class Lender {
  readonly log: Lease[] = [];
  readonly leases: IdLeases;
  #clientNo = 0;
  #call: Call | undefined;

  constructor(log: readonly Lease[] = []) {
    this.leases = new IdLeases(
      (lease) => this.log.push(lease),
      () => this.#clientNo,
    );
    for (const lease of log) this.leases.restore(lease);
    this.log.push(...log);
  }

  /** The first value of a new call. */
  draw(accessor: string, clientNo = 0, idHints: IdHint[] = [], column = 0): bigint {
    this.#clientNo = clientNo;
    this.#call = { idHints } as unknown as Call;
    return this.leases.next(tableOf(accessor), column, this.#call);
  }

  /** One more of the same call. */
  drawMore(accessor: string, column = 0): bigint {
    return this.leases.next(tableOf(accessor), column, this.#call as Call);
  }

  lend(accessor: string, clientNo: number, column = 0): Lease | undefined {
    return this.leases.lend(tableOf(accessor), column, clientNo, clientLeaseSize);
  }
}

const hint = (accessor: string, first: bigint, column = 0): IdHint => ({
  tableId: tableOf(accessor).tableId,
  column,
  first,
});

describe('id leases', () => {
  it('[AUT-11] give no value twice, whoever draws, with whatever hints, and across any restarts', () => {
    const act = fc.oneof(
      {
        weight: 6,
        arbitrary: fc.record({ type: fc.constant('draw' as const), client: fc.nat(3), first: fc.nat(1200) }),
      },
      { weight: 2, arbitrary: fc.record({ type: fc.constant('lend' as const), client: fc.nat(2) }) },
      { weight: 1, arbitrary: fc.record({ type: fc.constantFrom('restart', 'checkpoint' as const) }) },
    );
    fc.assert(
      fc.property(
        fc.constantFrom('i32', 'u32', 'u64', 'i256', 'u16'),
        fc.array(act, { maxLength: 60 }),
        (accessor, acts) => {
          let lender = new Lender();
          const drawn = new Set<bigint>();
          // What the log would have: who drew which value in a commit.
          let commits: { clientNo: number; value: bigint }[] = [];
          for (const each of acts) {
            if (each.type === 'lend') lender.lend(accessor, each.client + 1);
            else if (each.type === 'draw') {
              const value = lender.draw(accessor, each.client, [hint(accessor, BigInt(each.first))]);
              expect(drawn.has(value)).toBe(false);
              expect(lender.log.some(({ from, to }) => value >= from && value < to)).toBe(true);
              drawn.add(value);
              commits.push({ clientNo: each.client, value });
            } else {
              const isCheckpoint = each.type === 'checkpoint';
              const after = new Lender(isCheckpoint ? lender.leases.snapshot() : lender.log);
              if (!isCheckpoint)
                for (const { clientNo, value } of commits)
                  after.leases.noteUsed(tableOf(accessor).tableId, 0, clientNo, value);
              if (isCheckpoint) {
                after.log.push(...lender.log);
                commits = [];
              }
              lender = after;
            }
          }
        },
      ),
    );
  });

  it('[AUT-12] are drawn by a client in order from its hint on, whatever others draw', () => {
    const lender = new Lender();
    const lease = lender.lend('u64', 1);
    expect(lease).toEqual({ tableId: tableOf('u64').tableId, column: 0, clientNo: 1, from: 1n, to: 257n });
    expect(lender.draw('u64', 2)).toBe(257n);
    expect(lender.draw('u64', 1, [hint('u64', 1n)])).toBe(1n);
    expect(lender.draw('u64', 0)).toBe(258n);
    // A call that was refused drew 2 and 3.
    expect(lender.draw('u64', 1, [hint('u64', 4n)])).toBe(4n);
    expect(lender.drawMore('u64')).toBe(5n);
    expect(lender.leases.left(tableOf('u64').tableId, 0, 1)).toBe(clientLeaseSize - 5n);
  });

  it('[AUT-12] are those of the database for a call that predicted none, so that it shifts nothing of what its client predicts', () => {
    const lender = new Lender();
    lender.lend('u64', 1);
    expect(lender.draw('u64', 1)).toBe(257n);
    expect(lender.drawMore('u64')).toBe(258n);
    expect(lender.draw('u64', 1, [hint('u64', 1n)])).toBe(1n);
    expect(lender.leases.left(tableOf('u64').tableId, 0, 1)).toBe(clientLeaseSize - 1n);
  });

  it('[AUT-4] that a lost call drew are given back, and drawn again when it comes again', () => {
    const lender = new Lender();
    lender.lend('u64', 1);
    const hints = [hint('u64', 255n)];
    const drawAll = () => [lender.draw('u64', 1, hints), lender.drawMore('u64'), lender.drawMore('u64')];
    lender.leases.takeDrawn();
    const first = drawAll();
    expect(first.slice(0, 2)).toEqual([255n, 256n]);
    const drawn = lender.leases.takeDrawn();
    expect(drawn.map(({ value }) => value)).toEqual([255n, 256n]);
    expect(lender.leases.takeDrawn()).toEqual([]);
    lender.leases.giveBack(drawn);
    expect(lender.leases.heldBy(tableOf('u64').tableId, 0, 1)).toMatchObject([{ from: 255n, to: 257n }]);
    expect(drawAll().slice(0, 2)).toEqual(first.slice(0, 2));
  });

  it('go on in the next range when one is used up, and in those of the database after the last', () => {
    const lender = new Lender();
    lender.lend('u64', 1);
    lender.draw('u64', 0);
    const second = lender.lend('u64', 1);
    lender.draw('u64', 1, [hint('u64', 1n)]);
    for (let i = 1n; i < clientLeaseSize; i++) lender.drawMore('u64');
    expect(lender.drawMore('u64')).toBe(second?.from);
    for (let i = 1n; i < clientLeaseSize; i++) lender.drawMore('u64');
    expect(lender.drawMore('u64')).toBe(258n);
  });

  it('[SEC-5] heed no hint at values that were lent to another, or to nobody', () => {
    const lender = new Lender();
    lender.lend('u64', 1);
    lender.lend('u64', 2);
    expect(lender.draw('u64', 2, [hint('u64', 5n)])).toBe(513n);
    expect(lender.draw('u64', 2, [hint('u64', 100_000n)])).toBe(514n);
    expect(lender.draw('u64', 2, [hint('u32', 300n), hint('u64', 300n, 1)])).toBe(515n);
    expect(lender.draw('u64', 3, [hint('u64', 5n)])).toBe(516n);
    expect(lender.draw('u64', 1, [hint('u64', 1n)])).toBe(1n);
    expect(lender.draw('u64', 2, [hint('u64', 257n)])).toBe(257n);
  });

  it('[AUT-11] are kept by clients across a restart but for what their rows show as used, and go on behind the last', () => {
    const before = new Lender();
    before.lend('u64', 1);
    before.draw('u64', 0);
    before.draw('u64', 1, [hint('u64', 7n)]);
    const after = new Lender(before.log);
    after.leases.noteUsed(tableOf('u64').tableId, 0, 1, 7n);
    expect(after.draw('u64', 1, [hint('u64', 7n)])).toBe(257n + 1024n);
    expect(after.draw('u64', 1, [hint('u64', 8n)])).toBe(8n);
    expect(after.leases.left(tableOf('u64').tableId, 0, 1)).toBe(clientLeaseSize - 8n);
  });

  it('[AUT-12] behind the end that a call says are those of the calls after it', () => {
    const lender = new Lender();
    lender.lend('u64', 1);
    expect(lender.draw('u64', 1, [hint('u64', 1n), hint('u64', 3n)])).toBe(1n);
    expect(lender.drawMore('u64')).toBe(2n);
    expect(lender.drawMore('u64')).toBe(257n);
    expect(lender.draw('u64', 1, [hint('u64', 3n), hint('u64', 4n)])).toBe(3n);
    // An end that can't be leaves it without values, and nobody else.
    expect(lender.draw('u64', 1, [hint('u64', 4n), hint('u64', 2n)])).toBe(258n);
    expect(lender.draw('u64', 1, [hint('u64', 4n)])).toBe(4n);
  });

  it('[AUT-16] are held by a client in such numbers that a burst is foreseen, and lent again when a quarter is gone', () => {
    const { leases } = new Lender();
    const held = () => leases.left(tableOf('u64').tableId, 0, 1);
    expect(leases.topUp(tableOf('u64'), 0, 1)).toMatchObject({ from: 1n, to: clientValues + 1n });
    expect(leases.topUp(tableOf('u64'), 0, 1)).toBeUndefined();
    const lender = new Lender();
    lender.leases.topUp(tableOf('u64'), 0, 1);
    for (let callNo = 1n; callNo <= 100_000n; callNo++) {
      if (lender.draw('u64', 1, [hint('u64', callNo), hint('u64', callNo + 1n)]) !== callNo)
        throw new Error(`${callNo}`);
      lender.leases.topUp(tableOf('u64'), 0, 1);
      const left = lender.leases.left(tableOf('u64').tableId, 0, 1);
      if (left <= (clientValues * 3n) / 4n || left > clientValues) throw new Error(`${left} are left`);
    }
    expect(held()).toBe(clientValues);
    expect(leases.topUp(tableOf('u32'), 0, 1)).toMatchObject({ from: 1n, to: clientValuesNarrow + 1n });
  });

  it.each([
    ['u32', 4n * clientValuesNarrow],
    ['u64', 4n * clientValues],
  ])(
    '[AUT-16] of %s are lent to a client that throws them away up to a bound, and then as it draws',
    (accessor, bound) => {
      const lender = new Lender();
      let drawn = 0n;
      for (let i = 0; i < 1_000; i++) {
        lender.leases.topUp(tableOf(accessor), 0, 1);
        const last = lender.leases.heldBy(tableOf(accessor).tableId, 0, 1).at(-1);
        if (last === undefined) throw new Error('it holds some');
        lender.draw(accessor, 1, [hint(accessor, last.to - 1n)]);
        drawn++;
      }
      const lent = lender.log.reduce((sum, { clientNo, from, to }) => (clientNo === 1 ? sum + (to - from) : sum), 0n);
      expect(lent <= bound + 2n * drawn).toBe(true);
    },
  );

  it('[AUT-13] are given of 32 bits and more, each column by itself, and of public tables only', () => {
    const lender = new Lender();
    for (const narrow of ['i8', 'u8', 'i16', 'u16']) expect(lender.lend(narrow, 1)).toBeUndefined();
    for (const wide of ['i32', 'u32', 'i64', 'u64', 'i256'])
      expect(lender.lend(wide, 1)).toMatchObject({ from: 1n, to: 257n });
    expect(lender.lend('u32', 1, 1)).toMatchObject({ column: 1, from: 1n });
    expect(leasedColumns(definition).map(({ table, column }) => `${table.accessor}.${column}`)).toEqual([
      'i32.0',
      'u32.0',
      'u32.1',
      'i64.0',
      'u64.0',
      'i256.0',
    ]);
  });

  it.each<[string, bigint]>([
    ['i8', 127n],
    ['u8', 255n],
    ['i16', 32_767n],
    ['u16', 65_535n],
  ])('[AUT-13] of %s go up to %d without a gap, also across restarts, and then overflow', (accessor, max) => {
    let lender = new Lender();
    for (let expected = 1n; expected <= max; expected++) {
      if (expected % 100n === 0n) lender = new Lender(lender.leases.snapshot());
      if (lender.draw(accessor, Number(expected % 2n)) !== expected) throw new Error(`${expected} was left out`);
    }
    const overflow = expect.objectContaining({
      code: 'auto-inc-overflow',
      message: expect.stringMatching(/wider type/),
    });
    expect(() => lender.draw(accessor)).toThrow(overflow);
    expect(() => lender.draw(accessor, 1)).toThrow(overflow);
  });

  it.each<[string, bigint]>([
    ['i32', 2n ** 31n - 1n],
    ['u32', 2n ** 32n - 1n],
    ['i64', 2n ** 63n - 1n],
    ['u64', 2n ** 64n - 2n],
    ['i256', 2n ** 64n - 2n],
  ])('near the end of %s are shorter, fit the log, and then there are none', (accessor, max) => {
    const lender = new Lender();
    lender.leases.restore({ tableId: tableOf(accessor).tableId, column: 0, clientNo: 0, from: 1n, to: max - 9n });
    expect(lender.lend(accessor, 1)).toMatchObject({ from: max - 9n, to: max + 1n });
    expect(lender.log.every(({ to }) => to < 2n ** 64n)).toBe(true);
    expect(lender.lend(accessor, 2)).toBeUndefined();
    expect(lender.draw(accessor, 1, [hint(accessor, max - 9n)])).toBe(max - 9n);
    for (let i = 8n; i >= 0n; i--) expect(lender.drawMore(accessor)).toBe(max - i);
    expect(() => lender.drawMore(accessor)).toThrow(expect.objectContaining({ code: 'auto-inc-overflow' }));
    const again = new Lender(lender.log);
    expect(() => again.draw(accessor, 5)).toThrow(expect.objectContaining({ code: 'auto-inc-overflow' }));
  });
});
