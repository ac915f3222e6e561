import { describe, expectTypeOf, it } from 'vitest';
import type { Identity } from '../value/identity.ts';
import { t } from './column.ts';
import { and, avg, count, max, not, sum } from './query-expression.ts';
import { schema } from './schema.ts';
import { table } from './table.ts';
import type { Query } from './table-query.ts';

const Kind = t.enum('Kind', { Text: t.unit(), Image: t.unit() });
const user = table(
  { public: true },
  { id: t.identity().primaryKey(), name: t.string(), age: t.u8().optional(), isAdmin: t.bool() },
);
const message = table(
  { public: true, indexes: [{ accessor: 'byRoom', algorithm: 'btree', columns: ['room', 'size'] }] },
  { id: t.u64().primaryKey().autoInc(), sender: t.identity().index(), room: t.u32(), size: t.u64(), kind: Kind },
);
const { tables } = schema({ user, message });
type User = { id: Identity; name: string; age?: number | undefined; isAdmin: boolean };
type Message = { id: bigint; sender: Identity; room: number; size: bigint; kind: { tag: 'Text' } | { tag: 'Image' } };
type RowsOf<Q> = Q extends Query<infer Row> ? Row : never;

describe('a query', () => {
  it('has the rows of its table', () => {
    expectTypeOf<RowsOf<typeof tables.message>>().toEqualTypeOf<Message>();
    const filtered = tables.user
      .where((u) => u.age.gte(18).and(u.isAdmin))
      .orderBy((u) => [u.name, u.age.desc()])
      .limit(3)
      .offset(1);
    expectTypeOf<RowsOf<typeof filtered>>().toEqualTypeOf<User>();
  });

  it('compares columns with values of theirs', () => {
    tables.message.where((m) => and(m.kind.eq({ tag: 'Text' }), not(m.size.in([1n, 2n])), m.room.ne(m.room)));
    tables.user.where((u) => u.name.like('A%').or(u.age.isNull()));
    tables.user.where(() => true);
    // @ts-expect-error a size is a bigint
    tables.message.where((m) => m.size.eq(1));
    // @ts-expect-error there is no such kind
    tables.message.where((m) => m.kind.eq({ tag: 'Video' }));
    // @ts-expect-error an option is compared with what is in it
    tables.user.where((u) => u.age.eq(undefined));
    // @ts-expect-error columns of two types
    tables.message.where((m) => m.id.eq(m.room));
    // @ts-expect-error there is no such column
    tables.user.where((u) => u.nick.eq('a'));
    // @ts-expect-error a name is no condition
    tables.user.where((u) => u.name);
  });

  it('semijoins on indexed columns', () => {
    const writers = tables.user.leftSemijoin(tables.message, (u, m) => u.id.eq(m.sender));
    expectTypeOf<RowsOf<typeof writers>>().toEqualTypeOf<User>();
    const written = tables.user.rightSemijoin(tables.message, (u, m) => u.id.eq(m.sender));
    expectTypeOf<RowsOf<typeof written>>().toEqualTypeOf<Message>();
    tables.message.leftSemijoin(tables.message, (a, b) => a.room.eq(b.room));
    // @ts-expect-error a name has no index
    tables.user.leftSemijoin(tables.message, (u, m) => u.name.eq(m.sender));
    // @ts-expect-error only tables are joined, before anything is taken away from them
    tables.user.leftSemijoin(tables.message.limit(1), (u, m) => u.id.eq(m.sender));
  });

  it('joins any number of tables, and has the columns that it selects', () => {
    const joined = tables.message
      .join(tables.user, (m, u) => m.sender.eq(u.id))
      .join(tables.message, (m, u, other) => m.room.eq(other.room).and(u.isAdmin))
      .where((_m, u) => u.name.ne(''))
      .select((m, u, other) => ({ id: m.id, name: u.name, age: u.age, other: other.kind }))
      .orderBy((r) => [r.name.desc(), r.id])
      .limit(5);
    expectTypeOf<RowsOf<typeof joined>>().toEqualTypeOf<{
      id: bigint;
      name: string;
      age: number | undefined;
      other: { tag: 'Text' } | { tag: 'Image' };
    }>();
    // @ts-expect-error a room is no identity
    tables.message.join(tables.user, (m, u) => m.room.eq(u.id));
  });

  it('aggregates', () => {
    const grouped = tables.message
      .groupBy((m) => [m.room, m.kind])
      .select((m) => ({ room: m.room, n: count(), size: sum(m.size), mean: avg(m.size), last: max(m.id) }))
      .having((r) => r.n.gt(2).and(r.size.lt(10n)));
    expectTypeOf<RowsOf<typeof grouped>>().toEqualTypeOf<{
      room: number;
      n: number;
      size: bigint | undefined;
      mean: number | undefined;
      last: bigint | undefined;
    }>();
    const ages = tables.user.select((u) => ({ total: sum(u.age) }));
    expectTypeOf<RowsOf<typeof ages>>().toEqualTypeOf<{ total: number | undefined }>();
    // @ts-expect-error names have no sum
    tables.user.select((u) => ({ total: sum(u.name) }));
    // @ts-expect-error a count is a number
    grouped.having((r) => r.n.gt(2n));
  });
});
