import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { canonicalName, snakeCase } from './canonical-name.ts';
import { checkColumnName, checkName, checkTableName, TakenNames } from './names.ts';

const refusal = expect.objectContaining({ code: 'module-invalid' });

describe('a name in snake case', () => {
  it.each([
    ['lastSeen', 'last_seen'],
    ['LastSeen', 'last_seen'],
    ['last_seen', 'last_seen'],
    ['last-seen', 'last_seen'],
    ['HTTPServer', 'http_server'],
    ['CreatePlayer1', 'create_player_1'],
    ['insert_one_u8', 'insert_one_u_8'],
    ['Start2Level', 'start_2_level'],
    ['__a__b__', 'a_b'],
    ['ÄpfelÜber', 'äpfel_über'],
  ])('%s is %s', (name, snake) => {
    expect(snakeCase(name)).toBe(snake);
  });

  it('stays as it is', () => {
    fc.assert(
      fc.property(fc.stringMatching(/^[A-Za-z0-9_]*$/), (name) => {
        expect(snakeCase(snakeCase(name))).toBe(snakeCase(name));
      }),
    );
  });
});

describe('the name in SQL', () => {
  const snake = { tag: 'SnakeCase' } as const;

  it('is made by the policy, unless it is given', () => {
    expect(canonicalName(undefined, 'lastSeen', snake)).toBe('last_seen');
    expect(canonicalName(undefined, 'lastSeen', { tag: 'None' })).toBe('lastSeen');
    expect(canonicalName('LastSeen', 'lastSeen', snake)).toBe('LastSeen');
  });

  it.each(['player', 'Spieler', '玩家', 'x2', 'order', 'select', 'from_', 'naïve'])('may be %s', (name) => {
    expect(() => checkTableName(name, 'table')).not.toThrow();
  });

  it.each(['', '2x', 'a b', 'a-b', 'a.b', '"', 'a\0', '__proto__', 'naïve'.normalize('NFD')])(
    'may not be %j',
    (name) => {
      expect(() => checkName(name, 'table')).toThrow(refusal);
    },
  );

  it.each(['sqlite_x', 'SQLite_x', 'st_client', '_private'])('of a table may not be %s', (name) => {
    expect(() => checkTableName(name, 'table')).toThrow(refusal);
    expect(() => checkColumnName(name, 'column')).not.toThrow();
  });

  it.each(['_RowId_', '_checksum'])("of a column may not be that of the database's own, %s", (name) => {
    expect(() => checkColumnName(name, 'column')).toThrow(refusal);
  });
});

describe('taken names', () => {
  it('[MOD-4] are taken in any case, and the message names the owner', () => {
    const names = new TakenNames();
    names.take('player', "table 'player'");
    expect(() => names.take('Player', "table 'Player'")).toThrow(
      "table 'Player': the name 'Player' is taken by table 'player'",
    );
  });

  it('are numbered where a name is made up', () => {
    const names = new TakenNames();
    expect([1, 2, 3].map(() => names.takeSimilar('a_idx', 'index'))).toEqual(['a_idx', 'a_idx_2', 'a_idx_3']);
  });
});
