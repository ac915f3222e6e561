import { describe, expect, it } from 'vitest';
import { t } from '../module/column.ts';
import { defineModule } from '../module/module.ts';
import { schema } from '../module/schema.ts';
import { table } from '../module/table.ts';
import { subscribedTable } from './subscription-query.ts';

const columns = { id: t.u32().primaryKey() };
const definition = defineModule({
  default: schema({
    onlinePlayer: table({ public: true }, columns),
    /** Its accessor is the other's name in SQL, and the other way round. */
    left: table({ public: true, name: 'right' }, columns),
    right: table({ public: true, name: 'left' }, columns),
    vault: table({}, columns),
    order: table({ public: true }, columns),
  }),
});

const accessor = (sql: string) => subscribedTable(sql, definition).accessor;

describe('a subscription to a table', () => {
  it.each<[string, string]>([
    ['SELECT * FROM online_player', 'onlinePlayer'],
    ['select  *\n from online_player ;', 'onlinePlayer'],
    ['SELECT * FROM onlinePlayer', 'onlinePlayer'],
    ['SELECT * FROM "online_player"', 'onlinePlayer'],
    ['SELECT * FROM "order"', 'order'],
    ['SELECT * FROM right', 'left'],
    ['SELECT * FROM left', 'right'],
  ])('%j means %s', (sql, expected) => {
    expect(accessor(sql)).toBe(expected);
  });

  it.each([
    'SELECT * FROM',
    'SELECT id FROM online_player',
    'SELECT * FROM online_player, vault',
    'SELECT * FROM online_player;;',
    '',
    `SELECT * FROM "online_player`,
  ])('%j is refused with what to write', (sql) => {
    expect(() => accessor(sql)).toThrow(expect.objectContaining({ code: 'query-invalid' }));
  });

  it('[SEC-1] can not tell a private table from one that is not there', () => {
    const message = (name: string) => {
      try {
        return accessor(`SELECT * FROM ${name}`);
      } catch (error) {
        return String(error).replaceAll(name, '…');
      }
    };
    expect(message('vault')).toBe(message('nowhere'));
    expect(message('vault')).toMatch(/There is no public table/);
  });

  it('is refused at once, however long the text and however it is made', () => {
    const spaces = ' '.repeat(100_000);
    for (const sql of [
      `SELECT * FROM a${spaces}b`,
      `${spaces}x`,
      `SELECT${spaces}*${spaces}FROM${spaces}!`,
      `SELECT * FROM "${'""'.repeat(50_000)}`,
    ]) {
      expect(() => accessor(sql)).toThrow(expect.objectContaining({ code: 'query-invalid' }));
    }
  });
});
