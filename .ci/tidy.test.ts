import { describe, expect, test } from 'vitest';
import { parseSource } from './source.ts';
import { tidy } from './tidy.ts';

const documents = {
  'package.json': '{"dependencies": {"sql.js": "1"}}',
  'docs/dependencies.md': '| `sql.js` | `core/engine/database.ts` | the engine |\n| `node:*` | `server/` | the home |',
  'docs/spec.md': '# Spec\n\n- **ENG-1** A rejected call leaves no trace.',
  'docs/errors.md': '## internal\n',
  'docs/limits.md': '| `frameBytesMax` | 1 |',
};
const files = {
  'core/errors.ts': "export const errorCodes = [\n  'internal',\n] as const;",
  'core/limits.ts': 'export const limits = {\n  /** Larger ones: refused. */\n  frameBytesMax: 1,\n} as const;',
  'core/engine/execute.test.ts': "test('[ENG-1] a rejected call leaves no trace', () => {});",
};

/** Findings when these files and documents are laid over a tidy tree; an undefined one is absent. */
function findings(changed: Readonly<Record<string, string | undefined>>): string[] {
  const present = Object.entries({ ...documents, ...files, ...changed }).flatMap(([path, text]) =>
    text === undefined ? [] : [{ path, text }],
  );
  const sources = present.filter(({ path }) => path.endsWith('.ts')).map(({ path, text }) => parseSource(path, text));
  return tidy(
    sources,
    new Map(present.filter(({ path }) => !path.endsWith('.ts')).map(({ path, text }) => [path, text])),
  );
}

test('a tidy tree has no findings', () => {
  expect(findings({})).toEqual([]);
});

describe('imports', () => {
  test.each([
    ['core/value/a.ts', '../../worker/b.ts', /core may not import worker\/b\.ts/],
    ['worker/a.ts', '../server/b.ts', /worker may not import server\/b\.ts/],
    ['server/a.ts', '../worker/b.ts', /server may not import worker\/b\.ts/],
    ['demo/game/a.ts', '../../core/b.ts', /import it by the package name/],
    ['core/codec/a.ts', '../engine/b.ts', /comes after it/],
    ['core/errors.ts', './value/b.ts', /comes after it/],
    ['core/gossip/a.ts', '../errors.ts', /has no place in core's order/],
    ['worker/a.ts', '../core/index.ts', /an index is for users/],
    ['worker/a.ts', './b.testing.ts', /for tests/],
    ['worker/a.ts', 'forerun', /inside, import the file that has it/],
    ['worker/a.ts', 'sql.js', /its door is core\/engine\/database\.ts/],
    ['worker/a.ts', 'node:fs', /its door is server\//],
    ['server/a.ts', 'left-pad', /docs\/dependencies\.md does not list/],
  ])('%s may not import %s', (path, specifier, finding) => {
    expect(findings({ [path]: `import '${specifier}';` })).toContainEqual(expect.stringMatching(finding));
  });

  test.each([
    ['core/engine/a.ts', '../codec/b.ts'],
    ['core/engine/database.ts', 'sql.js'],
    ['core/codec/a.test.ts', '../engine/b.ts'],
    ['core/commit/log.test.ts', '../../test/contract/log.ts'],
    ['server/log/a.ts', 'node:fs'],
    ['demo/game/a.ts', 'forerun/client'],
    ['demo/game/vite.config.ts', '../../server/vite.ts'],
    ['test/e2e/a.test.ts', '../../server/b.ts'],
  ])('%s may import %s', (path, specifier) => {
    expect(findings({ [path]: `import '${specifier}';` })).toEqual([]);
  });

  test('re-exports, types, dynamic imports and workers count as imports', () => {
    const lines = [
      "export * from '../server/a.ts';",
      "export type B = import('../server/b.ts').B;",
      "export const c = () => import('../server/c.ts');",
      "export const d = new Worker(new URL('../server/d.ts', import.meta.url));",
    ];
    expect(findings({ 'worker/a.ts': lines.join('\n') })).toHaveLength(lines.length);
  });
});

describe('text', () => {
  const core = (text: string) => findings({ 'core/engine/a.ts': text });

  test.each([
    ['Date.now()', 'Clock'],
    ['new Date()', 'Clock'],
    ['new (Date)()', 'Clock'],
    ['[Date]', 'Clock'],
    ["Reflect.get(global, 'Date')", 'parameter'],
    ["require('fs')", 'parameter'],
    ['Math.random()', 'Entropy'],
    ['crypto.randomUUID()', 'Entropy'],
    ['setTimeout(run, 1)', 'Scheduler'],
    ["fetch('/')", 'interface'],
    ['console.log(1)', 'event'],
    ["new WebSocket('ws:')", 'Transport'],
    ['process.env', 'parameter'],
  ])('%s is not for core, and the finding names the replacement', (use, replacement) => {
    expect(core(`export const a = ${use};`)).toEqual([expect.stringContaining(replacement)]);
    expect(findings({ 'server/a.ts': `export const a = ${use};` })).toEqual([]);
  });

  test('words in comments and strings are not uses', () => {
    expect(
      core("/** Not Date.now(). */\nexport const a = 'use ctx.timestamp, not Date.now()'; // nor setTimeout"),
    ).toEqual([]);
    expect(core('export const a = (millis: number): Date => new Date(millis);')).toEqual([]);
  });

  test('commented-out code is found, prose is not', () => {
    expect(core('// const before = 1;')).toHaveLength(1);
    expect(core('// apply(commit);')).toHaveLength(1);
    expect(
      core('// Rows stay (see below);\n// the rest goes.\n// biome-ignore lint/a/b: c\n// @ts-expect-error d'),
    ).toEqual([]);
  });

  test('long files, leftovers and names that collect strangers are found', () => {
    expect(core('\n'.repeat(421))).toHaveLength(1);
    expect(core('\n'.repeat(420))).toEqual([]);
    expect(core(`// ${'TO'}${'DO'} later`)).toHaveLength(1);
    expect(findings({ 'core/engine/a.test.ts': `test.${'only'}('a', () => {});` })).toHaveLength(1);
    expect(findings({ 'worker/utils.ts': '' })).toHaveLength(1);
    expect(findings({ 'worker/helpers/a.ts': '' })).toHaveLength(1);
  });
});

describe('documents', () => {
  test('a rule without a test, a test of no rule and a doubled rule are found', () => {
    expect(findings({ 'docs/spec.md': '- **ENG-1** One.\n- **ENG-2** Two.' })).toEqual([
      expect.stringContaining('[ENG-2]'),
    ]);
    expect(findings({ 'docs/spec.md': '- **ENG-1** One.\n- **ENG-1** Two.' })).toEqual([
      expect.stringContaining('two rules'),
    ]);
    expect(findings({ 'test/a.test.ts': "test('[ENG-9] a', () => {});" })).toEqual([expect.stringContaining('ENG-9')]);
  });

  test('errors, limits and dependencies must be listed, and nothing else', () => {
    expect(findings({ 'docs/errors.md': '## gone\n' })).toHaveLength(2);
    expect(findings({ 'docs/limits.md': '| `gone` | 1 |' })).toHaveLength(2);
    expect(findings({ 'package.json': '{"dependencies": {"sql.js": "1", "ws": "8"}}' })).toHaveLength(1);
    expect(findings({ 'package.json': '{}' })).toHaveLength(1);
  });

  test('a missing document is a finding', () => {
    expect(findings({ 'docs/errors.md': undefined })).toEqual(['docs/errors.md is missing']);
  });
});
