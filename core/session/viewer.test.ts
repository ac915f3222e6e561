import { afterAll, beforeAll, expect, it } from 'vitest';
import { identityOf } from '../authority/home.testing.ts';
import { Engine } from '../engine/engine.ts';
import { t } from '../module/column.ts';
import { defineModule } from '../module/module.ts';
import { schema } from '../module/schema.ts';
import { table } from '../module/table.ts';
import { parseQuery } from '../query/parse.ts';
import { Visibility } from '../query/visibility.ts';
import { askedBy, askedSql } from './viewer.ts';

const file = table({ public: true }, { id: t.u32().primaryKey(), owner: t.identity(), folder: t.u32().index() });
const share = table({}, { id: t.u32().primaryKey(), folder: t.u32().index(), who: t.identity() });
const disk = schema({ file, share });
const own = disk.clientVisibilityFilter.sql('SELECT * FROM file WHERE owner = :sender');
const shared = disk.clientVisibilityFilter.sql(
  'SELECT file.* FROM file JOIN share ON share.folder = file.folder WHERE share.who = :sender',
);
const definition = defineModule({ default: disk, own, shared });

let engine: Engine;
beforeAll(async () => {
  engine = await Engine.open({ definition, ids: { next: () => 0n } });
  for (const [tableId, row] of [
    [0, { id: 1, owner: identityOf(1), folder: 7 }],
    [0, { id: 2, owner: identityOf(2), folder: 7 }],
    [0, { id: 3, owner: identityOf(2), folder: 8 }],
    [1, { id: 1, folder: 7, who: identityOf(1) }],
    [1, { id: 2, folder: 7, who: identityOf(1) }],
  ] as const)
    engine.apply([{ tableId, key: row.id, before: undefined, after: row }]);
});
afterAll(() => engine.close());

it.each<[string, number, boolean, string, number[]]>([
  ['an owner of rows, and whom they are shared with, once each', 1, false, 'SELECT * FROM file', [1, 2]],
  ['others their own', 2, false, 'SELECT * FROM file', [2, 3]],
  ['others what they ask for of it', 2, false, 'SELECT * FROM file WHERE folder = 7', [2]],
  ['strangers nothing', 3, false, 'SELECT * FROM file WHERE folder = 7 OR id = 3', []],
  ['the owner of the database everything', 3, true, 'SELECT * FROM file', [1, 2, 3]],
])('[VIS-1] a query asked once gives %s', (_, viewer, isOwner, sql, ids) => {
  const plan = parseQuery(sql, definition, { isVisible: (each) => each.public });
  const asked = askedBy({ identity: identityOf(viewer), isOwner }, plan, new Visibility(definition));
  expect(engine.select(askedSql(asked)).rows.map(([id]) => id)).toEqual(ids);
});
