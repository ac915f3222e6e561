import { describe, expect, it } from 'vitest';
import { t } from '../module/column.ts';
import { defineModule } from '../module/module.ts';
import { schema } from '../module/schema.ts';
import { table } from '../module/table.ts';
import { parseQuery } from './parse.ts';
import { planSql } from './plan.ts';
import { Visibility } from './visibility.ts';

const a = table({ public: true }, { id: t.u32().primaryKey(), b: t.u32().index(), owner: t.identity() });
const b = table({ public: true }, { id: t.u32().primaryKey(), a: t.u32().index(), owner: t.identity() });
const free = table({ public: true }, { id: t.u32().primaryKey() });

function visibility(...filters: readonly string[]): { visibility: Visibility; restricted: (sql: string) => string[] } {
  const base = schema({ a, b, free });
  const exports = Object.fromEntries(filters.map((sql, i) => [`filter${i}`, base.clientVisibilityFilter.sql(sql)]));
  const definition = defineModule({ default: base, ...exports });
  const made = new Visibility(definition);
  return {
    visibility: made,
    restricted: (sql) =>
      made.restrict(parseQuery(sql, definition, { isVisible: () => true })).map((plan) => planSql(plan)),
  };
}

describe('a visibility filter', () => {
  it('is put into every query of its table; several are alternatives', () => {
    const { restricted } = visibility('SELECT * FROM a WHERE owner = :sender', 'SELECT * FROM a WHERE id < 5');
    expect(restricted('SELECT * FROM free')).toEqual(['SELECT * FROM "free"']);
    expect(restricted('SELECT * FROM a WHERE b = 1')).toEqual([
      'SELECT * FROM "a" WHERE ("b" = 1) AND ("owner" = :sender)',
      'SELECT * FROM "a" WHERE ("b" = 1) AND ("id" < 5)',
    ]);
  });

  it('[VIS-2] is put into the tables that a query, or another filter, joins', () => {
    const { restricted } = visibility(
      'SELECT * FROM b WHERE owner = :sender',
      'SELECT a.* FROM a JOIN b ON b.id = a.b',
    );
    expect(restricted('SELECT free.* FROM free JOIN a ON a.id = free.id')).toEqual([
      'SELECT "free".* FROM "free" JOIN "a" ON "a"."id" = "free"."id" JOIN "b" ON "b"."id" = "a"."b" WHERE "b"."owner" = :sender',
    ]);
  });

  it('[VIS-4] that can not be read is refused at the start, and so is a query whose filters go in a circle', () => {
    expect(() => visibility('SELECT * FROM nowhere')).toThrow(expect.objectContaining({ code: 'module-invalid' }));
    const { restricted } = visibility(
      'SELECT a.* FROM a JOIN b ON b.id = a.b',
      'SELECT b.* FROM b JOIN a ON a.id = b.a',
    );
    expect(() => restricted('SELECT * FROM a')).toThrow(/form no circle/);
    expect(restricted('SELECT * FROM free')).toHaveLength(1);
    const selfish = visibility('SELECT a.* FROM a JOIN a AS other ON other.id = a.b');
    expect(() => selfish.restricted('SELECT * FROM a')).toThrow(/form no circle/);
  });
});
