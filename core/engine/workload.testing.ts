/**
 * Reducers as data: lists of steps over a few tables, each of which reads, writes, and lets what it read decide what is
 * written. What a run saw is part of its result, so two runs that differ in anything are seen to differ.
 */

import fc from 'fast-check';
import { ForerunError, SenderError } from '../errors.ts';
import { rendered } from '../codec/rendered.testing.ts';
import { t } from '../module/column.ts';
import type { ReducerCtx } from '../module/context.ts';
import { Range } from '../module/range.ts';
import { table } from '../module/table.ts';

/** Rows of one size, rows of many, a set, and rows that nobody keeps. */
export const workloadTables = {
  item: table(
    {
      public: true,
      indexes: [{ accessor: 'groupScore', algorithm: 'btree', columns: ['group', 'score'] }],
    },
    { id: t.u32().primaryKey(), group: t.u8().index(), score: t.i32() },
  ),
  user: table({ public: true }, { name: t.string().primaryKey(), email: t.string().unique(), age: t.u8().optional() }),
  label: table({ public: true }, { item: t.u32(), text: t.string() }),
  counter: table({ public: true }, { id: t.u32().primaryKey().autoInc(), value: t.u64() }),
  note: table({ public: true, event: true }, { text: t.string() }),
} as const;

export type WorkloadCtx = ReducerCtx<typeof workloadTables>;

export interface Step {
  readonly type: StepType;
  /** Small numbers that stand for keys and values. */
  readonly a: number;
  readonly b: number;
  readonly c: number;
}

export type StepType = keyof typeof steps;
type Run = (ctx: WorkloadCtx, step: Step) => unknown;

const name = (n: number): string => String.fromCharCode(97 + n);
const included = <T>(value: T) => ({ tag: 'included', value }) as const;

const steps = {
  insertItem: (ctx, { a, b, c }) => ctx.db.item.insert({ id: a, group: b, score: c }),
  updateItem: (ctx, { a, b, c }) => ctx.db.item.id.update({ id: a, group: b, score: c }),
  putItem: (ctx, { a, b, c }) => {
    const row = { id: a, group: b, score: c };
    return ctx.db.item.id.find(a) ? ctx.db.item.id.update(row) : ctx.db.item.insert(row);
  },
  touchItem: (ctx, { a }) => {
    const row = ctx.db.item.id.find(a);
    return row && ctx.db.item.id.update(row);
  },
  deleteItem: (ctx, { a }) => ctx.db.item.id.delete(a),
  deleteGroup: (ctx, { b }) => ctx.db.item.group.delete(b),
  findItem: (ctx, { a }) => ctx.db.item.id.find(a),
  sumGroup: (ctx, { a, b }) => {
    const score = [...ctx.db.item.group.filter(b)].reduce((sum, row) => sum + row.score, 0);
    ctx.db.label.insert({ item: a, text: `sum ${score}` });
  },
  bestOfGroup: (ctx, { a, b, c }) => {
    for (const row of ctx.db.item.groupScore.filter([b, new Range(included(c))])) {
      ctx.db.label.insert({ item: a, text: `best ${row.id}` });
      break;
    }
  },
  dropGroups: (ctx, { b, c }) => ctx.db.item.group.delete(new Range(included(b), { tag: 'excluded', value: c })),
  countItems: (ctx, { a }) => ctx.db.label.insert({ item: a, text: `count ${ctx.db.item.count()}` }),
  clearItems: (ctx) => ctx.db.item.clear(),
  moveAll: (ctx, { b }) => {
    for (const row of ctx.db.item.iter()) if (row.group !== b) ctx.db.item.id.update({ ...row, group: b });
  },
  insertUser: (ctx, { a, b, c }) => ctx.db.user.insert({ name: name(a), email: name(b), ...(c > 0 && { age: c }) }),
  renameUser: (ctx, { a, b }) => {
    const row = ctx.db.user.name.find(name(a));
    return row && ctx.db.user.name.update({ ...row, email: name(b) });
  },
  swapEmails: (ctx, { a, b }) => {
    const [one, other] = [ctx.db.user.name.find(name(a)), ctx.db.user.name.find(name(b))];
    if (!one || !other || a === b) return;
    ctx.db.user.name.update({ ...one, email: 'between' });
    ctx.db.user.name.update({ ...other, email: one.email });
    ctx.db.user.name.update({ ...one, email: other.email });
  },
  deleteByEmail: (ctx, { b }) => ctx.db.user.email.delete(name(b)),
  findByEmail: (ctx, { b }) => ctx.db.user.email.find(name(b)),
  listUsers: (ctx) => [...ctx.db.user],
  insertLabel: (ctx, { a, b }) => ctx.db.label.insert({ item: a, text: name(b) }),
  deleteLabel: (ctx, { a, b }) => ctx.db.label.delete({ item: a, text: name(b) }),
  listLabels: (ctx) => [...ctx.db.label.iter()],
  countUp: (ctx, { a }) => ctx.db.counter.insert({ id: 0, value: BigInt(a) << 62n }),
  note: (ctx, { a }) => ctx.db.note.insert({ text: name(a) }),
  roll: (ctx) => ctx.db.label.insert({ item: 0, text: `${ctx.random.integerInRange(1, 6)} ${ctx.newUuidV7()}` }),
  refuse: (ctx, { a }) => {
    if (ctx.db.item.id.find(a)) throw new SenderError(`no ${a}`);
  },
  fail: (ctx, { a, b }) => {
    if (ctx.db.item.group.filter(b).toArray().length > a) throw new TypeError('a bug');
  },
} satisfies { readonly [type: string]: Run };

const small = fc.oneof(fc.nat(1), fc.nat(3));
const stepTypes = Object.keys(steps) as StepType[];

export function arbitrarySteps(
  maxLength: number,
  from: readonly StepType[] = stepTypes,
): fc.Arbitrary<readonly Step[]> {
  return fc.array(fc.record({ type: fc.constantFrom(...from), a: small, b: small, c: small }), { maxLength });
}

/** A few kinds of steps, so that lists of them have much to do with each other. */
export const arbitraryStepTypes: fc.Arbitrary<readonly StepType[]> = fc.subarray(
  stepTypes.filter((type) => type !== 'countUp'),
  { minLength: 1, maxLength: 4 },
);

/** Runs the steps, catching our own errors as reducers may, and gives what each one saw. */
export function runSteps(ctx: WorkloadCtx, list: readonly Step[]): string[] {
  return list.map((step) => {
    try {
      // An entry takes the step that names it.
      return `${step.type}: ${rendered((steps[step.type] as Run)(ctx, step))}`;
    } catch (error) {
      if (!(error instanceof ForerunError)) throw error;
      return `${step.type}: ${error.code} ${error.message}`;
    }
  });
}
