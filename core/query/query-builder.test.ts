import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Engine } from '../engine/engine.ts';
import { t } from '../module/column.ts';
import { defineModule } from '../module/module.ts';
import { specOf } from '../module/query-builder.ts';
import { and, avg, count, max, min, not, or, sum } from '../module/query-expression.ts';
import { specKey } from '../module/query-spec.ts';
import { schema } from '../module/schema.ts';
import { table } from '../module/table.ts';
import type { Query } from '../module/table-query.ts';
import { Identity } from '../value/identity.ts';
import { parseQuery } from './parse.ts';
import { planQuery } from './plan-query.ts';
import { planSql } from './plan.ts';
import type { ResultPlan } from './result-plan.ts';
import { needsExact, resultSql, rowReader } from './select.ts';

const Color = t.enum('Color', { Red: t.unit(), Green: t.unit() });
const user = table(
  { public: true },
  { id: t.identity().primaryKey(), name: t.string(), nick: t.string().optional(), isAdmin: t.bool(), color: Color },
);
const message = table(
  { public: true },
  { id: t.u32().primaryKey(), sender: t.identity().index(), room: t.u32().index(), score: t.u64(), weight: t.f64() },
);
const secret = table({}, { id: t.u32().primaryKey() });
const chat = schema({ user, message, secret });
const { tables } = chat;
const definition = defineModule({ default: chat });
const ids = { next: () => 0n };
let engine: Engine;

const ann = new Identity(1n);
const bob = new Identity(2n);
const huge = 2n ** 63n + 5n;

beforeAll(async () => {
  engine = await Engine.open({ definition, ids });
  engine.store(0).load([
    { id: ann, name: 'Ann', nick: undefined, isAdmin: true, color: { tag: 'Red' } },
    { id: bob, name: "Bob\0's", nick: 'b', isAdmin: false, color: { tag: 'Green' } },
  ]);
  engine.store(1).load([
    { id: 1, sender: ann, room: 5, score: 7n, weight: 0.5 },
    { id: 2, sender: bob, room: 5, score: huge, weight: Number.NaN },
    { id: 3, sender: ann, room: 6, score: 9n, weight: 2 },
    { id: 4, sender: new Identity(3n), room: 6, score: 1n, weight: Number.POSITIVE_INFINITY },
  ]);
});
afterAll(() => engine.close());

function plan<Row>(query: Query<Row>): ResultPlan {
  const spec = specOf(query);
  if (spec === undefined) throw new Error('not a query');
  return planQuery(structuredClone(spec), definition, { isVisible: (each) => each.public });
}

/** What SQLite makes of it. */
function rows<Row>(query: Query<Row>): Row[] {
  const each = plan(query);
  const { sql, params } = resultSql(each);
  const statement = engine.query(sql);
  const found = statement.all(params, needsExact).map(rowReader(each, (tableId) => engine.shape(tableId)));
  statement.free();
  // The reader gives rows of the plan's type, which is that of `Row`.
  return found as Row[];
}

const idsOf = <Row extends { id: number }>(query: Query<Row>) => rows(query).map(({ id }) => id);

describe('the query builder', () => {
  it('[QRY-1] is the clauses of one SELECT, in any order', () => {
    const inOrder = tables.message.where((m) => m.room.eq(5)).orderBy((m) => m.score.desc());
    expect(idsOf(inOrder)).toEqual([2, 1]);
    expect(idsOf(inOrder.limit(1))).toEqual([2]);
    expect(
      idsOf(
        tables.message
          .limit(1)
          .orderBy((m) => m.score.desc())
          .where((m) => m.room.eq(5)),
      ),
    ).toEqual([2]);
    expect(idsOf(tables.message.offset(2))).toEqual([3, 4]);
    expect(idsOf(tables.message.where((m) => m.room.eq(5)).where((m) => m.id.eq(1)))).toEqual([1]);
  });

  it('leaves the builder that it was called on as it was', () => {
    const all = tables.message;
    all.where((m) => m.room.eq(5)).limit(1);
    expect(idsOf(all)).toEqual([1, 2, 3, 4]);
  });

  it('compares values of every kind, as bound parameters', () => {
    expect(rows(tables.user.where((u) => u.id.eq(ann)))).toHaveLength(1);
    expect(rows(tables.user.where((u) => u.color.eq({ tag: 'Green' }))).map((u) => u.name)).toEqual(["Bob\0's"]);
    expect(rows(tables.user.where((u) => u.name.eq("Bob\0's")))).toHaveLength(1);
    expect(rows(tables.user.where((u) => u.isAdmin))).toHaveLength(1);
    expect(rows(tables.user.where((u) => u.nick.isNull())).map((u) => u.name)).toEqual(['Ann']);
    expect(rows(tables.user.where((u) => u.nick.isNotNull()))).toHaveLength(1);
    expect(rows(tables.user.where((u) => u.name.like('a%'))).map((u) => u.name)).toEqual(['Ann']);
    expect(idsOf(tables.message.where((m) => m.score.gte(2n ** 63n)))).toEqual([2]);
    expect(idsOf(tables.message.where((m) => m.score.lt(huge)))).toEqual([1, 3, 4]);
    expect(idsOf(tables.message.where((m) => m.score.in([7n, huge])))).toEqual([1, 2]);
    expect(idsOf(tables.message.where((m) => m.weight.eq(Number.NaN)))).toEqual([2]);
    expect(idsOf(tables.message.where((m) => m.weight.gt(1)))).toEqual([2, 3, 4]);
    const { sql, params } = resultSql(plan(tables.user.where((u) => u.name.eq("'; DROP TABLE user; --"))));
    expect(sql).not.toContain('DROP');
    expect(params).toEqual(["'; DROP TABLE user; --"]);
  });

  it('joins conditions with and, or and not, as methods and as functions', () => {
    expect(idsOf(tables.message.where((m) => m.room.eq(5).and(m.id.gt(1)).or(m.id.eq(4))))).toEqual([2, 4]);
    expect(idsOf(tables.message.where((m) => or(and(m.room.eq(5), m.id.gt(1)), m.id.eq(4))))).toEqual([2, 4]);
    expect(idsOf(tables.message.where((m) => m.room.eq(5).not()))).toEqual([3, 4]);
    expect(idsOf(tables.message.where((m) => not(or(m.room.eq(5), false))))).toEqual([3, 4]);
    expect(idsOf(tables.message.where(() => false))).toEqual([]);
  });

  it('[QRY-2] gives a row of a semijoin once, however many partners it has', () => {
    const writers = tables.user.leftSemijoin(tables.message, (u, m) => u.id.eq(m.sender));
    expect(rows(writers).map((u) => u.name)).toEqual(['Ann', "Bob\0's"]);
    const byAdmins = tables.user
      .where((u) => u.isAdmin)
      .rightSemijoin(
        tables.message.where((m) => m.room.eq(6)),
        (u, m) => u.id.eq(m.sender),
      );
    expect(idsOf(byAdmins)).toEqual([3]);
    expect(idsOf(byAdmins.where((m) => m.id.eq(1)))).toEqual([]);
  });

  it('joins several tables and selects columns of them', () => {
    const query = tables.message
      .join(tables.user, (m, u) => m.sender.eq(u.id))
      .join(tables.message, (m, _u, other) => m.room.eq(other.room).and(other.id.ne(m.id)))
      .where((_m, u) => u.isAdmin)
      .select((m, u, other) => ({ from: u.name, id: m.id, other: other.id, nick: u.nick }))
      .orderBy((r) => r.id.desc());
    expect(rows(query)).toEqual([
      { from: 'Ann', id: 3, other: 4, nick: undefined },
      { from: 'Ann', id: 1, other: 2, nick: undefined },
    ]);
  });

  it('groups and aggregates', () => {
    const query = tables.message
      .groupBy((m) => m.room)
      .select((m) => ({ room: m.room, n: count(), most: max(m.score), least: min(m.score), total: sum(m.score) }))
      .orderBy((r) => r.room.desc());
    expect(rows(query)).toEqual([
      { room: 6, n: 2, most: 9n, least: 1n, total: 10n },
      { room: 5, n: 2, most: huge, least: 7n, total: BigInt(Number(huge + 7n)) },
    ]);
    expect(rows(query.having((r) => r.most.lt(10n)).limit(1)).map((r) => r.room)).toEqual([6]);
    const weights = tables.message.select((m) => ({ all: sum(m.weight), mean: avg(m.id), n: count(m.weight) }));
    expect(rows(weights)).toEqual([{ all: Number.NaN, mean: 2.5, n: 4 }]);
    const none = tables.message.where(() => false).select((m) => ({ n: count(), sum: sum(m.id), avg: avg(m.weight) }));
    expect(rows(none)).toEqual([{ n: 0, sum: undefined, avg: undefined }]);
  });

  it('writes the SQL that a subscription takes', () => {
    const queries = [
      tables.user.where((u) =>
        u.id
          .eq(ann)
          .and(u.color.ne({ tag: 'Red' }))
          .or(u.nick.isNull()),
      ),
      tables.message.where((m) => m.score.in([1n, huge]).or(m.weight.lte(Number.NaN))).where((m) => m.id.ne(m.room)),
      tables.user.leftSemijoin(
        tables.message.where((m) => m.room.eq(5)),
        (u, m) => u.id.eq(m.sender),
      ),
      tables.user.where((u) => u.name.like("a'_%").not()),
    ] as const;
    for (const query of queries) {
      const parsed = parseQuery(query.toSql(), definition, { isVisible: () => true });
      expect(planSql(parsed), query.toSql()).toBe(planSql(plan(query as Query<unknown>).rows));
    }
    expect(
      tables.message
        .where((m) => m.room.eq(5))
        .orderBy((m) => [m.room, m.id.desc()])
        .limit(3)
        .toSql(),
    ).toBe('SELECT * FROM "message" WHERE "room" = 5 ORDER BY "room", "id" DESC LIMIT 3');
  });

  it('[QRY-3] is plain data, with one key for equal queries', () => {
    const query = () => tables.message.where((m) => m.score.eq(huge).and(m.sender.eq(ann))).limit(3);
    const spec = specOf(query());
    expect(spec).toBeDefined();
    expect(specKey(structuredClone(spec as NonNullable<typeof spec>))).toBe(specKey(spec as NonNullable<typeof spec>));
    const key = <Row>(each: Query<Row>) => {
      const data = specOf(each);
      return data === undefined ? undefined : specKey(data);
    };
    expect(key(query())).toBe(key(query()));
    expect(key(query())).not.toBe(key(query().limit(4)));
    // Values of two types are two queries, however alike they look.
    const alike = [5n, '5n', Number.NaN, 'NaN', '5', Uint8Array.of(5), [5]];
    const keys = alike.map((value) => key(tables.message.where((m) => m.score.eq(value as never))));
    expect(new Set(keys).size).toBe(alike.length);
  });

  it.each<[what: string, query: () => unknown, message: RegExp]>([
    ['a private table', () => tables.secret, /no table 'secret' that may be read here/],
    ['a join without select', () => tables.user.join(tables.message, (u, m) => u.id.eq(m.sender)), /needs select/],
    [
      'a join without an equality',
      () => tables.user.join(tables.message, (u, m) => u.id.gt(m.sender)).select((u) => ({ id: u.id })),
      /compares a column of each table/,
    ],
    ['groups without select', () => tables.user.groupBy((u) => u.name), /groupBy needs select/],
    [
      'a column beside its group',
      () => tables.message.groupBy((m) => m.room).select((m) => ({ id: m.id })),
      /'id' differs within a group/,
    ],
    [
      'a number for an identity',
      () => tables.user.where((u) => u.id.eq(5 as never)),
      /id: expected Identity, got number 5/,
    ],
    ['no value', () => tables.user.where((u) => u.nick.eq(undefined as never)), /write isNull/],
    ['two types', () => tables.message.where((m) => m.id.eq(m.score as never)), /different types/],
    ['a selection of nothing', () => tables.user.select(() => ({})), /names no column/],
    ['like of no text', () => tables.user.where((u) => u.name.like(5 as never)), /like takes a text/],
    ['half a character', () => tables.user.where((u) => u.name.like('👍'.slice(1))), /half of a character/],
    ['like of a number', () => tables.message.where((m) => m.id.like('1')), /like is for texts/],
    ['the sum of texts', () => tables.user.select((u) => ({ n: sum(u.name as never) })), /sum takes numbers/],
    ['no condition', () => tables.user.where(() => 'yes' as never), /a condition is made of columns/],
    ['a negative limit', () => tables.user.limit(-1), /limit takes a whole number/],
    [
      'a limited table joined',
      () => tables.user.leftSemijoin(tables.message.limit(1) as never, () => true as never),
      /takes a table/,
    ],
    ['an order of nothing', () => tables.user.orderBy(() => 1 as never), /orderBy takes columns/],
  ])('[QRY-4] refuses %s, and says why', (_what, query, message) => {
    const attempt = () => plan(query() as Query<unknown>);
    expect(attempt).toThrow(expect.objectContaining({ code: 'query-invalid' }));
    expect(attempt).toThrow(message);
  });
});
