import { schema, t, table } from 'forerun';
import { describe, expect, test } from 'vitest';
import { authorityOnly } from '../core/module/authority-only.ts';
import { openModule } from '../core/engine/engine.testing.ts';
import { withoutAuthorityCode } from './authority-only.ts';

const head = "import { schema, t } from 'forerun';\nconst game = schema({});\n";
const without = (code: string): string | undefined => withoutAuthorityCode(head + code, '/app/module.ts');

describe('[DEV-4] the build of a page leaves out', () => {
  test.each([
    [
      'a reducer with predict: false',
      'export const a = game.reducer({ predict: false }, { x: t.u8() }, (ctx, { x }) => secret(x));',
    ],
    ['one without parameters', 'export const a = game.reducer({ name: "a", predict: false }, (ctx) => secret());'],
    [
      'a scheduled reducer',
      'export const a = game.reducer({ onSchedule: timer }, { row: timer.rowType }, function (ctx) { secret(); });',
    ],
    [
      'lifecycle reducers',
      'export const a = game.init((ctx) => secret()); export const b = game.clientConnected(() => secret());',
    ],
    ['views', 'export const a = game.view({ name: "a" }, t.array(row), (ctx) => secret(ctx));'],
  ])('%s', (_, code) => {
    const kept = without(code);
    expect(kept).not.toContain('secret');
    expect(kept).toContain("import { authorityOnly as __forerunAuthorityOnly } from 'forerun'");
  });

  test('nothing of reducers that are predicted', () => {
    expect(without('export const a = game.reducer({ x: t.u8() }, (ctx) => {});')).toBeUndefined();
    expect(without("export const a = game.reducer({ name: 'b', predict: true }, (ctx) => {});")).toBeUndefined();
    // A parameter may be called like the option.
    expect(without('export const a = game.reducer({ predict: t.bool() }, (ctx) => {});')).toBeUndefined();
  });

  test('nothing of what only looks like it', () => {
    const code =
      "import { i18n } from './i18n.ts';\ni18n.init(() => start());\nother.reducer({ predict: false }, () => {});";
    expect(withoutAuthorityCode(code, '/app/main.ts')).toBeUndefined();
    expect(withoutAuthorityCode('const other = make();\nother.init(() => {});', '/app/main.ts')).toBeUndefined();
    expect(withoutAuthorityCode('game.init((', '/app/main.ts')).toBeUndefined();
  });

  test('functions in further files of the module, and keeps every line in its place', () => {
    const code =
      "import { t } from 'forerun';\nimport game from './schema.ts';\nexport const a = game.init((ctx) => {\n  one();\n  two();\n});\nexport const after = 1;\n";
    const kept = withoutAuthorityCode(code, '/app/more.ts?x');
    expect(kept?.split('\n').indexOf('export const after = 1;')).toBe(6);
    expect(kept).not.toContain('one()');
  });
});

test('[DEV-4] a predicted reducer that calls what was left out can not be predicted, and leaves no trace', async () => {
  const note = table({ name: 'note', public: true }, { id: t.u32().primaryKey() });
  const notes = schema({ note });
  const secret = notes.reducer({ predict: false }, authorityOnly);
  const caller = await openModule({
    default: notes,
    secret,
    write: notes.reducer({ id: t.u32() }, (ctx, { id }) => {
      ctx.db.note.insert({ id });
      secret(ctx, {});
    }),
  });
  expect(caller.call('write', { args: { id: 1 } }).type).toBe('unpredictable');
  expect(caller.engine.rows(0)).toEqual([]);
});
