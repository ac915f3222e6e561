import { describe, expect, it } from 'vitest';
import { Identity } from '../value/identity.ts';
import { Timestamp } from '../value/timestamp.ts';
import { sql, sqlText } from './sql-template.ts';

describe('sql', () => {
  it('[QRY-5] binds every value, whatever is in it', () => {
    const name = "'; DROP TABLE user; --";
    const { text, params } = sqlText(sql`SELECT * FROM user WHERE name = ${name} AND age > ${5}`);
    expect(text).toBe('SELECT * FROM user WHERE name = ? AND age > ?');
    expect(params).toEqual([name, 5]);
  });

  it('binds values as columns of their type hold them', () => {
    const values = [
      true,
      null,
      undefined,
      Number.NaN,
      7n,
      2n ** 53n + 1n,
      2n ** 64n - 1n,
      new Timestamp(5n),
      { tag: 'Red' },
    ];
    const { params } = sqlText(
      sql`${values[0]}${values[1]}${values[2]}${values[3]}${values[4]}${values[5]}${values[6]}${values[7]}${values[8]}`,
    );
    expect(params).toEqual([1, null, null, 'NaN', 7n, 2n ** 53n + 1n, 2n ** 64n - 1n, 5n, '{"tag":"Red"}']);
    const [bytes] = sqlText(sql`${new Identity(1n)}`).params;
    expect(bytes).toEqual(Uint8Array.from({ length: 32 }, (_, i) => (i === 31 ? 1 : 0)));
  });

  it('puts parts together, each with its values', () => {
    const filter = sql`room = ${5}`;
    const { text, params } = sqlText(sql`SELECT ${'a'} FROM message WHERE ${filter} LIMIT ${3}`);
    expect(text).toBe('SELECT ? FROM message WHERE room = ? LIMIT ?');
    expect(params).toEqual(['a', 5, 3]);
  });

  it.each([[() => {}], [Symbol('x')], [{ a: 1 }], [2n ** 256n]])('refuses what no column holds', (value) => {
    expect(() => sql`SELECT ${value}`).toThrow(expect.objectContaining({ code: 'query-invalid' }));
  });
});
