import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { Database } from './database.ts';

let database: Database;
beforeEach(async () => {
  database = await Database.open();
  database.run('CREATE TABLE t (id INTEGER PRIMARY KEY, n)');
});
afterEach(() => database.close());

const refused = (message: RegExp) =>
  expect.objectContaining({ code: 'query-invalid', message: expect.stringMatching(message) });

describe('a statement', () => {
  it('reads integers as doubles, and exactly where it is told that a row needs it', () => {
    database.prepare('INSERT INTO t VALUES (?, ?)').run([1, '9007199254740993']);
    database.run("UPDATE t SET n = CAST('9007199254740993' AS INTEGER)");
    const select = database.prepare('SELECT n FROM t');
    expect(select.get([])).toEqual([9007199254740992]);
    expect(select.get([], ([n]) => typeof n === 'number' && n > Number.MAX_SAFE_INTEGER)).toEqual([9007199254740993n]);
    expect(select.all([], () => true)).toEqual([[9007199254740993n]]);
  });

  it('reports what SQLite says with the statement, and works the next time', () => {
    const insert = database.prepare('INSERT INTO t VALUES (?, 1), (?, 2)');
    expect(() => insert.run([5, 5])).toThrow(refused(/UNIQUE constraint.*\n {2}INSERT/));
    // What it had inserted before it failed is gone.
    expect(database.prepare('SELECT count(*) FROM t').get([])).toEqual([0]);
    insert.run([5, 6]);
    const divided = database.prepare('SELECT abs(n) FROM t WHERE abs(?) > 0 ORDER BY id');
    expect(() => divided.get(['-9223372036854775808'])).not.toThrow();
    const overflowing = database.prepare('SELECT abs(CAST(? AS INTEGER)) FROM t');
    expect(() => overflowing.get(['-9223372036854775808'])).toThrow(refused(/integer overflow/));
    expect(() => overflowing.all(['-9223372036854775808'])).toThrow(refused(/integer overflow/));
    expect(overflowing.get([-3])).toEqual([3]);
    expect(() => database.prepare('SELECT * FROM nowhere')).toThrow(refused(/no such table: nowhere/));
  });

  it('that has given its first row does not stand in the way of a commit', () => {
    for (let id = 0; id < 10; id++) database.prepare('INSERT INTO t VALUES (?, ?)').run([id, id]);
    expect(database.prepare('SELECT id FROM t').get([])).toEqual([0]);
    database.noteChanges(1_000_000);
    database.run('DROP TABLE t');
  });
});

describe('an export', () => {
  it('leaves prepared statements and the open transaction as they were', async () => {
    const insert = database.prepare('INSERT INTO t VALUES (?, ?)');
    insert.run([1, 'a']);
    const image = database.export();
    insert.run([2, 'b']);
    expect(() => database.run('BEGIN')).toThrow(/within a transaction/);
    expect(database.prepare('PRAGMA journal_mode').get([])).toEqual(['memory']);
    expect(database.prepare('PRAGMA synchronous').get([])).toEqual([0]);
    const copy = await Database.open({ image });
    expect(copy.prepare('SELECT * FROM t').all([])).toEqual([[1, 'a']]);
    expect(database.prepare('SELECT * FROM t').all([])).toEqual([
      [1, 'a'],
      [2, 'b'],
    ]);
    copy.close();
  });
});
