import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { arbitraryKeyType, arbitraryValue } from '../codec/arbitrary.testing.ts';
import { compileCanonical } from '../codec/canonical.ts';
import { isWrapperName, unwrap, wrappers } from '../codec/opaque.ts';
import { rendered } from '../codec/rendered.testing.ts';
import type { Row } from '../commit/row-change.ts';
import { columnBuilder, type KeyBuilder, type OrderedBuilder } from '../module/column-builder.ts';
import { type Bound, Range } from '../module/range.ts';
import { table } from '../module/table.ts';
import type { ColumnType } from '../value/column-type.ts';
import { Bench, type LooseTable, looseIndex, looseTable, tinyLimits } from './engine.testing.ts';

/** The order of values as the documentation has it, on canonical values and by other means than the engine's. */
function compareValues(type: ColumnType, a: unknown, b: unknown): number {
  const sign = (x: bigint | number, y: bigint | number) => (x < y ? -1 : x > y ? 1 : 0);
  if (isWrapperName(type.type)) {
    const wrapper = wrappers[type.type];
    return sign(unwrap(wrapper, a) as bigint, unwrap(wrapper, b) as bigint);
  }
  switch (type.type) {
    case 'string':
      return sign(...comparedCodePoints(a as string, b as string));
    case 'sum': {
      const position = (value: unknown) =>
        type.variants.findIndex(({ name }) => name === (value as { tag: string }).tag);
      return position(a) - position(b);
    }
    case 'f32':
    case 'f64':
      // NaN is one value, above all numbers.
      return sign(Number.isNaN(a) ? 1 : 0, Number.isNaN(b) ? 1 : 0) || sign(a as number, b as number);
    default:
      return sign(Number(a) === a ? a : BigInt(a as bigint), Number(b) === b ? b : BigInt(b as bigint));
  }
}

function comparedCodePoints(a: string, b: string): [number, number] {
  const these = Array.from(a, (char) => char.codePointAt(0) ?? 0);
  const those = Array.from(b, (char) => char.codePointAt(0) ?? 0);
  const at = these.findIndex((point, i) => point !== those[i]);
  return at < 0 ? [these.length, those.length] : [these[at] ?? 0, those[at] ?? -1];
}

const indexableType: fc.Arbitrary<ColumnType> = fc.oneof(
  { weight: 6, arbitrary: arbitraryKeyType().filter(({ type }) => type !== 'bytes') },
  { weight: 2, arbitrary: fc.constantFrom<ColumnType>({ type: 'f32' }, { type: 'f64' }, { type: 'u64' }) },
  { weight: 1, arbitrary: fc.constant<ColumnType>({ type: 'string' }) },
);
const keyType = arbitraryKeyType().filter(({ type }) => type !== 'bytes');

/** Few different values, so that they meet. */
function pool(type: ColumnType): fc.Arbitrary<readonly unknown[]> {
  return fc
    .array(arbitraryValue(type), { minLength: 1, maxLength: 6 })
    .map((values) => values.map((value) => compileCanonical(type, 'row-invalid')(value, '')));
}

type Pick = number;
interface Step {
  readonly type: 'put' | 'remove' | 'removeWhere' | 'look';
  readonly id: Pick;
  readonly v: Pick;
  readonly w: Pick;
  readonly bound: BoundPicks;
}

interface BoundPicks {
  readonly from: 'included' | 'excluded' | 'unbounded';
  readonly to: 'included' | 'excluded' | 'unbounded';
  readonly low: Pick;
  readonly high: Pick;
}

const tag = fc.constantFrom('included', 'excluded', 'unbounded');
const step: fc.Arbitrary<Step> = fc.record({
  type: fc.constantFrom('put', 'put', 'put', 'remove', 'removeWhere', 'look'),
  id: fc.nat(11),
  v: fc.nat(5),
  w: fc.nat(5),
  bound: fc.record({ from: tag, to: tag, low: fc.nat(5), high: fc.nat(5) }),
});

const worlds = fc.record({ id: keyType, v: indexableType, w: indexableType }).chain((types) =>
  fc.record({
    types: fc.constant(types),
    ids: fc.array(pool(types.id), { minLength: 2, maxLength: 2 }).map((pools) => pools.flat()),
    vs: pool(types.v),
    ws: pool(types.w),
    steps: fc.array(step, { minLength: 1, maxLength: 25 }),
  }),
);
type World = typeof worlds extends fc.Arbitrary<infer T> ? T : never;

async function open({ types }: World, limits: typeof tinyLimits | undefined) {
  const columns = {
    id: columnBuilder<KeyBuilder<unknown>>(types.id).primaryKey(),
    v: columnBuilder<OrderedBuilder<unknown>>(types.v).index(),
    w: columnBuilder<OrderedBuilder<unknown>>(types.w),
  };
  const indexes = [
    { accessor: 'vw', algorithm: 'btree', columns: ['v', 'w'] },
    { accessor: 'wvid', algorithm: 'btree', columns: ['w', 'v', 'id'] },
  ] as const;
  return Bench.open({ t: table({ indexes }, columns) }, limits === undefined ? {} : { limits });
}

interface Model {
  readonly rows: Row[];
  readonly world: World;
}

function order({ types }: World, columns: readonly ('id' | 'v' | 'w')[]) {
  return (a: Row, b: Row) => {
    for (const column of columns) {
      const sign = compareValues(types[column], a[column], b[column]);
      if (sign !== 0) return sign;
    }
    return 0;
  };
}

function within(type: ColumnType, value: unknown, range: Range<unknown>): boolean {
  const { from, to } = range;
  const low = from.tag === 'unbounded' ? 1 : compareValues(type, value, from.value);
  const high = to.tag === 'unbounded' ? -1 : compareValues(type, value, to.value);
  return (from.tag === 'included' ? low >= 0 : low > 0) && (to.tag === 'included' ? high <= 0 : high < 0);
}

function rangeOf(values: readonly unknown[], { from, to, low, high }: BoundPicks): Range<unknown> {
  const bound = (name: BoundPicks['from'], pick: Pick): Bound<unknown> =>
    name === 'unbounded' ? { tag: name } : { tag: name, value: values[pick % values.length] };
  return new Range(bound(from, low), bound(to, high));
}

const text = (rows: Iterable<Row>) => Array.from(rows, rendered);

/** Asks everything that the indexes can be asked, and compares with looking at each row. */
function look(t: LooseTable, { rows, world }: Model, { id, v, w, bound }: Step): void {
  const { types, ids, vs, ws } = world;
  const [oneId, oneV, oneW] = [ids[id % ids.length], vs[v % vs.length], ws[w % ws.length]];
  const same = (column: 'id' | 'v' | 'w', value: unknown) => (row: Row) =>
    compareValues(types[column], row[column], value) === 0;
  const [ranges, vRange, wRange] = [rangeOf(ids, bound), rangeOf(vs, bound), rangeOf(ws, bound)];
  const byId = rows.toSorted(order(world, ['id']));
  const byV = rows.toSorted(order(world, ['v', 'id']));
  const byVw = rows.toSorted(order(world, ['v', 'w', 'id']));
  const byWv = rows.toSorted(order(world, ['w', 'v', 'id']));

  expect(t.count()).toBe(BigInt(rows.length));
  expect(text(t.iter())).toEqual(text(byId));
  expect(rendered(looseIndex(t, 'id').find(oneId))).toBe(rendered(rows.find(same('id', oneId)) ?? null));
  expect(text(looseIndex(t, 'id').filter(ranges))).toEqual(
    text(byId.filter((row) => within(types.id, row['id'], ranges))),
  );
  expect(text(looseIndex(t, 'v').filter(oneV))).toEqual(text(byV.filter(same('v', oneV))));
  expect(text(looseIndex(t, 'v').filter(vRange))).toEqual(text(byV.filter((row) => within(types.v, row['v'], vRange))));
  const vw = looseIndex(t, 'vw');
  expect(text(vw.filter([oneV]))).toEqual(text(byVw.filter(same('v', oneV))));
  expect(text(vw.filter(oneV))).toEqual(text(byVw.filter(same('v', oneV))));
  expect(text(vw.filter([vRange]))).toEqual(text(byVw.filter((row) => within(types.v, row['v'], vRange))));
  const sameV = byVw.filter(same('v', oneV));
  expect(text(vw.filter([oneV, oneW]))).toEqual(text(sameV.filter(same('w', oneW))));
  expect(text(vw.filter([oneV, wRange]))).toEqual(text(sameV.filter((row) => within(types.w, row['w'], wRange))));
  expect(text(looseIndex(t, 'wvid').filter([oneW, oneV, ranges]))).toEqual(
    text(
      byWv
        .filter(same('w', oneW))
        .filter(same('v', oneV))
        .filter((row) => within(types.id, row['id'], ranges)),
    ),
  );
}

/** Does one step to the table and to the list of rows; gives the list after it. */
function take(t: LooseTable, model: Model, step: Step): Row[] {
  const { rows, world } = model;
  const { types, ids, vs, ws } = world;
  const row: Row = { id: ids[step.id % ids.length], v: vs[step.v % vs.length], w: ws[step.w % ws.length] };
  const others = rows.filter((other) => compareValues(types.id, other['id'], row['id']) !== 0);
  switch (step.type) {
    case 'put':
      if (others.length === rows.length) t.insert(row);
      else looseIndex(t, 'id').update(row);
      return [...others, row];
    case 'remove':
      expect(looseIndex(t, 'id').delete(row['id'])).toBe(others.length < rows.length);
      return others;
    case 'removeWhere': {
      const range = rangeOf(vs, step.bound);
      const kept = rows.filter((other) => !within(types.v, other['v'], range));
      expect(looseIndex(t, 'v').delete(range)).toBe(rows.length - kept.length);
      return kept;
    }
    case 'look':
      look(t, model, step);
      return rows;
  }
}

describe('indexes of any columns', () => {
  it.each([
    ['with everything cached', undefined],
    ['[ENG-11] with next to nothing cached', tinyLimits],
  ])('[ENG-5] find what a look at every row finds, in the order of the index, %s', async (_, limits) => {
    await fc.assert(
      fc.asyncProperty(worlds, async (world) => {
        const bench = await open(world, limits);
        let rows: Row[] = [];
        // Half of the steps in one transaction, each of the others in one of its own.
        const half = world.steps.length >> 1;
        bench.run((ctx) => {
          for (const each of world.steps.slice(0, half)) rows = take(looseTable(ctx, 't'), { rows, world }, each);
        });
        for (const each of world.steps.slice(half)) {
          bench.run((ctx) => {
            rows = take(looseTable(ctx, 't'), { rows, world }, each);
          });
        }
        for (const each of world.steps.slice(0, 3)) {
          bench.run((ctx) => look(looseTable(ctx, 't'), { rows, world }, each));
        }
        bench.engine.close();
      }),
      { numRuns: 150 },
    );
  });
});
