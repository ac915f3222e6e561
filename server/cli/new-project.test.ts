import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { version } from '../version.ts';
import { run } from './command-line.testing.ts';

let root: string;
beforeAll(() => {
  root = mkdtempSync(join(tmpdir(), 'forerun-new-'));
});
afterAll(() => rmSync(root, { recursive: true }));

function filesIn(folder: string): string[] {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => relative(folder, join(entry.parentPath, entry.name)))
    .sort();
}

const everywhere = ['.gitignore', 'README.md', 'package.json', 'src/module.test.ts', 'src/module.ts', 'tsconfig.json'];
const ofPages = ['index.html', 'src/client.ts', 'src/style.css', 'vite.config.ts'];

test.each([
  ['react', [...everywhere, ...ofPages, 'src/app.tsx', 'src/main.tsx'], ['react', 'react-dom'], 'react-jsx'],
  ['vanilla', [...everywhere, ...ofPages, 'src/main.ts'], [], undefined],
  ['node', [...everywhere, 'src/main.ts'], [], undefined],
])(
  '[CMD-1] the template %s has its files, which name each other and the project',
  async (template, files, others, jsx) => {
    const folder = join(root, `My ${template} App`);
    expect((await run('new', folder, '--template', template)).code).toBe(0);
    expect(filesIn(folder)).toEqual([...files].sort());
    const text = (file: string): string => readFileSync(join(folder, file), 'utf8');
    const name = `my-${template}-app`;

    const manifest = JSON.parse(text('package.json'));
    expect(manifest).toMatchObject({ name, dependencies: { forerun: `^${version}` }, scripts: { dev: 'forerun dev' } });
    expect(Object.keys(manifest.dependencies)).toEqual(['forerun', ...others]);
    expect(manifest.forerun).toEqual(template === 'node' ? { module: 'src/module.ts' } : undefined);
    const { compilerOptions } = JSON.parse(text('tsconfig.json'));
    expect(compilerOptions).toMatchObject({
      strict: true,
      types: template === 'node' ? ['node'] : ['node', 'vite/client'],
    });
    expect(compilerOptions.jsx).toBe(jsx);

    for (const file of files) expect(text(file), file).not.toMatch(/my_first_app|\bPAGE\b|ENTRY/);
    // What the README and the page name is there.
    const named = [...text('README.md').matchAll(/`((?:src\/|vite)[\w./]+)`/g)].map(([, file = '']) => file);
    expect(named.length).toBeGreaterThan(2);
    for (const file of named) expect(existsSync(join(folder, file)), file).toBe(true);
    if (files.includes('index.html')) {
      expect(text('index.html')).toContain(`<title>${name}</title>`);
      expect(existsSync(join(folder, /src="\/(\S+)"/.exec(text('index.html'))?.[1] ?? ''))).toBe(true);
    }
  },
);

test('[CMD-1] a folder with something in it is left as it is, one with a new repository counts as empty', async () => {
  const folder = join(root, 'there');
  mkdirSync(join(folder, '.git'), { recursive: true });
  expect((await run('new', folder, '--template', 'node')).code).toBe(0);
  writeFileSync(join(folder, 'README.md'), 'mine');
  const again = await run('new', folder, '--template', 'react');
  expect(again).toMatchObject({ code: 1, err: expect.stringMatching(/not empty .*: nothing was changed/) });
  expect(readFileSync(join(folder, 'README.md'), 'utf8')).toBe('mine');
  expect(existsSync(join(folder, 'vite.config.ts'))).toBe(false);
  expect(readdirSync(root).filter((name) => name.includes('.new-'))).toEqual([]);
});
