import { describe, expectTypeOf, it } from 'vitest';
import type { ConnectionId } from '../value/connection-id.ts';
import type { Identity } from '../value/identity.ts';
import type { ScheduleAt } from '../value/schedule-at.ts';
import type { TimeDuration } from '../value/time-duration.ts';
import type { Timestamp } from '../value/timestamp.ts';
import type { Uuid } from '../value/uuid.ts';
import { type Infer, type InferTypeOfRow, t } from './column.ts';

describe('the TypeScript type', () => {
  it('of numbers is number up to 32 bits, and bigint beyond', () => {
    const row = t.row({
      a: t.i8(),
      b: t.u8(),
      c: t.i16(),
      d: t.u16(),
      e: t.i32(),
      f: t.u32(),
      g: t.f32(),
      h: t.f64(),
      i: t.number(),
    });
    expectTypeOf<Infer<typeof row>>().toEqualTypeOf<
      Record<'a' | 'b' | 'c' | 'd' | 'e' | 'f' | 'g' | 'h' | 'i', number>
    >();
    const wide = t.row({ a: t.i64(), b: t.u64(), c: t.i128(), d: t.u128(), e: t.i256(), f: t.u256() });
    expectTypeOf<Infer<typeof wide>>().toEqualTypeOf<Record<'a' | 'b' | 'c' | 'd' | 'e' | 'f', bigint>>();
  });

  it('of the rest is what rows hold', () => {
    const columns = {
      bool: t.bool(),
      string: t.string(),
      bytes: t.byteArray(),
      octets: t.array(t.u8()),
      unit: t.unit(),
      identity: t.identity(),
      connectionId: t.connectionId(),
      timestamp: t.timestamp(),
      timeDuration: t.timeDuration(),
      scheduleAt: t.scheduleAt(),
      uuid: t.uuid(),
    };
    expectTypeOf<Infer<typeof columns>>().toEqualTypeOf<{
      bool: boolean;
      string: string;
      bytes: Uint8Array;
      octets: Uint8Array;
      unit: {};
      identity: Identity;
      connectionId: ConnectionId;
      timestamp: Timestamp;
      timeDuration: TimeDuration;
      scheduleAt: ScheduleAt;
      uuid: Uuid;
    }>();
  });

  it('of composites is made of their parts', () => {
    const point = t.object('Point', { x: t.f64(), label: t.string().optional() });
    expectTypeOf<Infer<typeof point>>().toEqualTypeOf<{ x: number; label: string | undefined }>();
    const path = t.array(point);
    expectTypeOf<Infer<typeof path>>().toEqualTypeOf<{ x: number; label: string | undefined }[]>();
    const result = t.result(t.u32(), t.string());
    expectTypeOf<Infer<typeof result>>().toEqualTypeOf<{ ok: number } | { err: string }>();
    const option = t.option(t.u64());
    expectTypeOf<Infer<typeof option>>().toEqualTypeOf<bigint | undefined>();
  });

  it('of an enum is a union by tag, and its builder makes the members', () => {
    const shape = t.enum('Shape', { Circle: t.f64(), Nothing: t.unit() });
    expectTypeOf<Infer<typeof shape>>().toEqualTypeOf<{ tag: 'Circle'; value: number } | { tag: 'Nothing' }>();
    expectTypeOf(shape.Circle(2)).toEqualTypeOf<{ tag: 'Circle'; value: number }>();
    expectTypeOf(shape.Nothing).toEqualTypeOf<{ tag: 'Nothing' }>();
    // @ts-expect-error a circle has a number
    shape.Circle('wide');

    const color = t.enum('Color', ['red', 'green']);
    expectTypeOf<Infer<typeof color>>().toEqualTypeOf<{ tag: 'red' } | { tag: 'green' }>();
    expectTypeOf(color.red).toEqualTypeOf<{ tag: 'red' }>();
  });

  it('of a row lets optional columns be left out', () => {
    const columns = {
      id: t.u32().primaryKey(),
      nick: t.string().optional(),
      seen: t.option(t.timestamp()).name('seen_at'),
    };
    type Row = { id: number; nick?: string | undefined; seen?: Timestamp | undefined };
    expectTypeOf<InferTypeOfRow<typeof columns>>().toEqualTypeOf<Row>();
    const row = t.row('Player', columns);
    expectTypeOf<Infer<typeof row>>().toEqualTypeOf<Row>();
    expectTypeOf<InferTypeOfRow<typeof row.row>>().toEqualTypeOf<Row>();
  });
});

describe('a step that makes no sense', () => {
  it('is not there', () => {
    // @ts-expect-error only integers count up
    t.string().autoInc();
    // @ts-expect-error floats are no keys
    t.f64().primaryKey();
    // @ts-expect-error nor unique
    t.f32().unique();
    // @ts-expect-error an option is no key
    t.u32().optional().primaryKey();
    // @ts-expect-error an array has no index
    t.array(t.string()).index();
    // @ts-expect-error an object has no index
    t.object('Point', { x: t.f64() }).index();
    // @ts-expect-error there are three kinds of index
    t.u32().index('rtree');
  });

  it('is not there: a default never goes with a key or a counter', () => {
    // @ts-expect-error after a key
    t.u32().primaryKey().default(1);
    // @ts-expect-error after unique
    t.u32().unique().default(1);
    // @ts-expect-error after a counter
    t.u32().autoInc().default(1);
    // @ts-expect-error before a key
    t.u32().default(1).primaryKey();
    // @ts-expect-error before unique
    t.u32().default(1).unique();
    // @ts-expect-error before a counter
    t.u32().default(1).autoInc();
    // @ts-expect-error of another type
    t.u32().default('1');
  });

  it('makes sense in any order otherwise', () => {
    expectTypeOf(t.u64().primaryKey().autoInc()).toEqualTypeOf(t.u64().autoInc().primaryKey());
    expectTypeOf(t.i64().index('btree').unique()).toEqualTypeOf(t.i64().unique().index('btree'));
    t.u64().name('id').primaryKey().autoInc();
    t.timestamp().index().default;
    t.enum('Color', ['red']).index().primaryKey();
  });

  it('inside another type: what is said of columns is said of no element', () => {
    // @ts-expect-error a key belongs to a table
    t.array(t.u32().primaryKey());
    // @ts-expect-error an index belongs to a table
    t.option(t.u32().index());
    // @ts-expect-error a name in SQL belongs to a column
    t.object('Point', { x: t.f64().name('X') });
  });
});
