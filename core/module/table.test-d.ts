import { describe, expectTypeOf, it } from 'vitest';
import type { Identity } from '../value/identity.ts';
import type { Timestamp } from '../value/timestamp.ts';
import { t } from './column.ts';
import { Range } from './range.ts';
import { type RowOf, table } from './table.ts';
import type { PointIndex, PrimaryIndex, RangedIndex, TableView, UniqueIndex } from './table-view.ts';

const player = table(
  {
    public: true,
    indexes: [
      { accessor: 'byRank', algorithm: 'btree', columns: ['league', 'score', 'name'] },
      { accessor: 'byName', algorithm: 'hash', columns: ['name', 'league'] },
      { accessor: 'bySeat', algorithm: 'direct', column: 'seat' },
      { accessor: 'byEmailAndId', algorithm: 'btree', columns: ['id', 'email'] },
      { accessor: 'byId', algorithm: 'btree', columns: ['id'] },
    ],
  },
  {
    id: t.identity().primaryKey(),
    email: t.string().unique(),
    name: t.string(),
    league: t.u8().index(),
    seat: t.u16(),
    score: t.i64().index('btree'),
    team: t.u32().index('hash'),
    nick: t.string().optional(),
    seen: t.timestamp(),
  },
);
type Row = {
  id: Identity;
  email: string;
  name: string;
  league: number;
  seat: number;
  score: bigint;
  team: number;
  nick?: string | undefined;
  seen: Timestamp;
};
declare const view: TableView<typeof player>;
declare const id: Identity;
declare const row: Row;

describe('a table', () => {
  it('gives and takes rows', () => {
    expectTypeOf<RowOf<typeof player>>().toEqualTypeOf<Row>();
    expectTypeOf(view.insert).toEqualTypeOf<(row: Row) => Row>();
    expectTypeOf(view.delete(row)).toBeBoolean();
    expectTypeOf(view.count()).toBeBigInt();
    expectTypeOf(view.clear()).toBeBigInt();
    expectTypeOf(view.iter()).toEqualTypeOf<IteratorObject<Row, undefined>>();
    for (const each of view) expectTypeOf(each).toEqualTypeOf<Row>();
    expectTypeOf(
      view
        .iter()
        .filter(({ score }) => score > 3n)
        .toArray(),
    ).toEqualTypeOf<Row[]>();
  });

  it('wants all columns that are not optional, and no others', () => {
    const { nick: _, ...withoutNick } = row;
    view.insert(withoutNick);
    const { email: __, ...withoutEmail } = row;
    // @ts-expect-error email is missing
    view.insert(withoutEmail);
    // @ts-expect-error score is a bigint
    view.insert({ ...row, score: 1 });
  });

  it('has a column without an index as no index', () => {
    // @ts-expect-error name is only part of indexes
    view.name;
    // @ts-expect-error nick has none at all
    view.nick;
  });
});

describe('an index', () => {
  it('on the primary key finds, deletes and updates', () => {
    expectTypeOf(view.id).toEqualTypeOf<PrimaryIndex<Row, Identity>>();
    expectTypeOf(view.id.find(id)).toEqualTypeOf<Row | null>();
    expectTypeOf(view.id.update(row)).toEqualTypeOf<Row>();
    expectTypeOf(view.byId).toEqualTypeOf<PrimaryIndex<Row, Identity>>();
    // @ts-expect-error a primary key is an identity
    view.id.find('me');
  });

  it('on a unique column finds and deletes, and does not update', () => {
    expectTypeOf(view.email).toEqualTypeOf<UniqueIndex<Row, string>>();
    expectTypeOf(view.email.delete('a@b')).toBeBoolean();
    // @ts-expect-error only the primary key says which row is meant
    view.email.update;
    // @ts-expect-error a unique index has one row at most
    view.email.filter;
  });

  it('over unique columns only is unique', () => {
    expectTypeOf(view.byEmailAndId).toEqualTypeOf<UniqueIndex<Row, readonly [Identity, string]>>();
  });

  it('on one column takes a value or a range', () => {
    expectTypeOf(view.score).toEqualTypeOf<RangedIndex<Row, bigint | Range<bigint>>>();
    expectTypeOf(view.score.filter(new Range({ tag: 'included', value: 1n }))).toEqualTypeOf<
      IteratorObject<Row, undefined>
    >();
    expectTypeOf(view.score.delete(3n)).toBeNumber();
    expectTypeOf(view.bySeat).toEqualTypeOf<RangedIndex<Row, number | Range<number>>>();
    // @ts-expect-error a score is a bigint
    view.score.filter(3);
    // @ts-expect-error nor does a range of numbers fit
    view.score.filter(new Range({ tag: 'included', value: 1 }));
  });

  it('on several takes a prefix of them, the last of which may be a range', () => {
    view.byRank.filter(1);
    view.byRank.filter(new Range({ tag: 'included', value: 1 }));
    view.byRank.filter([1, 3n]);
    view.byRank.filter([1, new Range({ tag: 'excluded', value: 3n })]);
    view.byRank.filter([1, 3n, 'a']);
    // @ts-expect-error only the last may be a range
    view.byRank.filter([new Range<number>(), 3n]);
    // @ts-expect-error the league comes first
    view.byRank.filter([3n, 1]);
    // @ts-expect-error there are three columns
    view.byRank.filter([1, 3n, 'a', 4]);
  });

  it('by hash takes values only, and all of them', () => {
    expectTypeOf(view.team).toEqualTypeOf<PointIndex<Row, number>>();
    expectTypeOf(view.byName).toEqualTypeOf<PointIndex<Row, readonly [string, number]>>();
    // @ts-expect-error a hash knows no order
    view.team.filter(new Range({ tag: 'included', value: 1 }));
    // @ts-expect-error a hash of two values needs both
    view.byName.filter(['a']);
  });

  it('is over columns of the table', () => {
    // @ts-expect-error there is no column y
    table({ indexes: [{ accessor: 'i', algorithm: 'btree', columns: ['y'] }] }, { x: t.u32() });
    // @ts-expect-error a direct index has one column
    table({ indexes: [{ accessor: 'i', algorithm: 'direct', columns: ['x'] }] }, { x: t.u32() });
    // @ts-expect-error without an accessor there is no way to it
    table({ indexes: [{ algorithm: 'btree', columns: ['x'] }] }, { x: t.u32() });
  });
});

it('a table of a shared row has the same types', () => {
  const shared = table(
    { indexes: [{ accessor: 'i', algorithm: 'btree', columns: ['x', 'id'] }] },
    t.row('Point', { id: t.u32().primaryKey(), x: t.f64() }),
  );
  expectTypeOf<RowOf<typeof shared>>().toEqualTypeOf<{ id: number; x: number }>();
  expectTypeOf<TableView<typeof shared>['id']>().toEqualTypeOf<PrimaryIndex<{ id: number; x: number }, number>>();
});
