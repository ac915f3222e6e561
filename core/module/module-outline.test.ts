/** How two versions of a module differ, as clients are told. */

import { schema, t, table } from 'forerun';
import { expect, test } from 'vitest';
import { differences, type ModuleDifferences, outlineOf } from './module-outline.ts';
import { defineModule, type ModuleExports } from './module.ts';

const outline = (module: ModuleExports) => {
  const definition = defineModule(module);
  return outlineOf(definition, definition.hash);
};

interface Version {
  readonly columns?: Parameters<typeof table>[1];
  readonly options?: object;
  readonly before?: object;
  readonly after?: object;
  readonly params?: object;
}

/** A table `item` and a reducer `put`, and what is around them. */
function version({ columns, options, before = {}, after = {}, params }: Version): ModuleExports {
  const item = table(
    { name: 'item', public: true, ...options },
    columns ?? { id: t.u32().primaryKey(), text: t.string(), at: t.object('Place', { x: t.f64(), y: t.f64() }) },
  );
  const app = schema({
    ...before,
    ...(columns === undefined || Object.keys(columns).length > 0 ? { item } : {}),
    ...after,
  });
  const put = app.reducer((params ?? { id: t.u32(), text: t.string() }) as never, () => {});
  return {
    default: app,
    ...(params === undefined || Object.keys(params).length > 0 ? { put } : {}),
    zeta: app.reducer(() => {}),
  };
}

const between = (older: Version, newer: Version): ModuleDifferences =>
  differences(outline(version(older)), outline(version(newer)));

const secret = () => table({ name: 'secret' }, { id: t.u32().primaryKey() });
const extra = () => table({ name: 'extra', public: true }, { id: t.u32().primaryKey() });
const wide = { id: t.u32().primaryKey(), text: t.string(), at: t.object('Place', { x: t.f64(), y: t.f64() }) };

test.each<[string, Version, readonly string[]]>([
  ['nothing', {}, []],
  ['a table before and one after it', { before: { extra: extra() } }, ["table 'extra' is new"]],
  ['a private table', { before: { secret: secret() } }, []],
  ['an index and a default', { columns: { ...wide, text: t.string().index().default('') } }, []],
  ['the name of a type', { columns: { ...wide, at: t.object('Spot', { x: t.f64(), y: t.f64() }) } }, []],
])('[MCH-5] %s: an older client goes on', (_, newer, added) => {
  expect(between({}, newer)).toEqual({ breaking: [], added });
});

test.each<[string, Version, Version, string]>([
  ['a table', { after: { extra: extra() } }, {}, "table 'extra' is gone, or no longer public"],
  ['a public table', {}, { options: { public: false } }, "table 'item' is gone, or no longer public"],
  [
    'rows that are kept',
    {},
    { options: { ephemeral: true } },
    "table 'item' was a table of kept rows and is ephemeral",
  ],
  ['a column', {}, { columns: { id: wide.id, at: wide.at } }, "column 'text' of table 'item' is gone"],
  ['no column', {}, { columns: { ...wide, more: t.u8() } }, "column 'more' of table 'item' is new"],
  ['a type', {}, { columns: { ...wide, text: t.u8() } }, "column 'text' of table 'item' was string and is u8"],
  [
    'a type in a type',
    {},
    { columns: { ...wide, at: t.object('Place', { x: t.f64(), y: t.f32() }) } },
    "column 'at' of table 'item' was { x: f64, y: f64 } and is { x: f64, y: f32 }",
  ],
  [
    'the order of columns',
    {},
    { columns: { text: wide.text, id: wide.id, at: wide.at } },
    "the columns of table 'item' have another order",
  ],
  [
    'the primary key',
    {},
    { columns: { id: t.u32(), text: t.string().primaryKey(), at: wide.at } },
    "table 'item' has another primary key",
  ],
  ['a reducer', {}, { params: {} }, "reducer 'put' is gone, or can't be called any more"],
  ['a parameter', {}, { params: { id: t.u32() } }, "parameter 'text' of reducer 'put' is gone"],
  [
    'the order of parameters',
    {},
    { params: { text: t.string(), id: t.u32() } },
    "the parameters of reducer 'put' have another order",
  ],
])('[MCH-1] %s has changed: an older client can not go on, and says why', (_, older, newer, reason) => {
  expect(between(older, newer).breaking).toEqual([reason]);
});

test('[MCH-5] names that look like types are no types', () => {
  const odd = (name: string) => ({ columns: { id: t.u32().primaryKey(), at: t.object('P', { [name]: t.u8() }) } });
  const plain = { columns: { id: t.u32().primaryKey(), at: t.object('P', { a: t.u8(), b: t.u8() }) } };
  expect(between(odd('a: u8, b'), plain).breaking).toHaveLength(1);
});
