/**
 * `forerun new`: a project from a template. A template is made of layers, which say what they share with others once: a file
 * of a later layer goes in the place of one before it, or into it where both are JSON.
 *
 * Law: nothing that is there is overwritten, and a project is there whole or not at all.
 */

import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { basename, dirname, join, relative, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { askChoice, askText, canAsk } from './ask.ts';
import { exitCodes, Failure } from './failure.ts';
import { print, styled } from './terminal.ts';

const templates = [
  { value: 'react', label: 'React', hint: 'a page with React' },
  { value: 'vanilla', label: 'Vanilla', hint: 'a page without a framework' },
  { value: 'node', label: 'Node', hint: 'no page: a module, and a program that uses it' },
] as const;
const layersOf: { readonly [Name in Template]: readonly string[] } = {
  react: ['shared', 'page', 'react'],
  vanilla: ['shared', 'page', 'vanilla'],
  node: ['shared', 'node'],
};
/** What stands for these words in a template's files. */
const wordsOf: { readonly [Name in Template]: Readonly<Record<string, string>> } = {
  react: { PAGE: 'src/app.tsx', ENTRY: 'src/main.tsx' },
  vanilla: { PAGE: 'src/main.ts', ENTRY: 'src/main.ts' },
  node: {},
};
type Template = (typeof templates)[number]['value'];

export interface NewProjectOptions {
  readonly folder: string | undefined;
  readonly template?: string;
  /** Of this package. */
  readonly version: string;
}

const fallbackFolder = 'my_first_app';

export async function newProject({ folder, template, version }: NewProjectOptions): Promise<void> {
  const given = template === undefined ? undefined : knownTemplate(template);
  if (folder === undefined && !canAsk()) {
    const command = process.env['FORERUN_CREATE'] ?? 'forerun new';
    throw new Failure(`Say where: ${command} ${fallbackFolder}`, exitCodes.usage);
  }
  const path = resolve(folder ?? (await askText('Where is the project to be made?', fallbackFolder)));
  const shown = relative('', path) || '.';
  checkFree(path, shown);
  const chosen = given ?? (canAsk() ? await askChoice('What kind of project?', templates) : 'react');
  make(path, chosen, version);

  const [{ label }] = templates.filter(({ value }) => value === chosen) as [(typeof templates)[number]];
  print(`Made ${styled('bold', shown)} (${label}). Next:\n`);
  if (shown !== '.') print(`  cd ${shown}`);
  print('  npm install');
  print('  npm run dev\n');
}

function knownTemplate(name: string): Template {
  const found = templates.find(({ value }) => value === name);
  if (found !== undefined) return found.value;
  const names = templates.map(({ value }) => value).join(', ');
  throw new Failure(`There is no template '${name}'. There are: ${names}.`, exitCodes.usage);
}

function checkFree(path: string, shown: string): void {
  // A repository that was just made counts as empty.
  const there = existsSync(path) ? readdirSync(path).filter((name) => name !== '.git') : [];
  if (there.length === 0) return;
  throw new Failure(`${shown} is not empty (it has ${there[0]}): nothing was changed. Choose another name.`);
}

function make(path: string, template: Template, version: string): void {
  const unfinished = join(dirname(path), `.${basename(path)}.new-${process.pid}`);
  const words = {
    ...wordsOf[template],
    my_first_app: packageName(basename(path)),
    '"forerun": "*"': `"forerun": "^${version}"`,
  };
  try {
    for (const [file, text] of filesOf(layersOf[template])) {
      // npm leaves files of that name out of a package.
      const target = join(unfinished, file.replace('_gitignore', '.gitignore'));
      mkdirSync(dirname(target), { recursive: true });
      writeFileSync(
        target,
        Object.entries(words).reduce((written, [word, meant]) => written.replaceAll(word, meant), text),
      );
    }
    mkdirSync(path, { recursive: true });
    for (const each of readdirSync(unfinished)) renameSync(join(unfinished, each), join(path, each));
  } finally {
    rmSync(unfinished, { recursive: true, force: true });
  }
}

/** By their path in the project. */
function filesOf(layers: readonly string[]): ReadonlyMap<string, string> {
  const files = new Map<string, string>();
  for (const layer of layers) {
    const folder = fileURLToPath(new URL(`${layer}/`, templatesFolder()));
    for (const entry of readdirSync(folder, { recursive: true, withFileTypes: true })) {
      if (!entry.isFile()) continue;
      const file = relative(folder, join(entry.parentPath, entry.name));
      const text = readFileSync(join(entry.parentPath, entry.name), 'utf8');
      const before = file.endsWith('.json') ? files.get(file) : undefined;
      files.set(file, before === undefined ? text : json(merged(JSON.parse(before), JSON.parse(text))));
    }
  }
  return files;
}

function merged(before: unknown, after: unknown): unknown {
  if (!isObject(before) || !isObject(after)) return after;
  const keys = new Set([...Object.keys(before), ...Object.keys(after)]);
  return Object.fromEntries(
    [...keys].map((key) => [key, key in after ? merged(before[key], after[key]) : before[key]]),
  );
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** Lists on one line, as people write them. */
function json(value: unknown): string {
  const text = JSON.stringify(value, undefined, 2);
  return `${text.replaceAll(/\[[^[\]{}]*\]/g, (list) =>
    list
      .replaceAll(/\s*\n\s*/g, ' ')
      .replace('[ ', '[')
      .replace(' ]', ']'),
  )}\n`;
}

/** What npm accepts as a name. */
function packageName(folder: string): string {
  return (
    folder
      .toLowerCase()
      .replaceAll(/[^a-z0-9._-]+/g, '-')
      .replace(/^[._-]+/, '')
      .slice(0, 200) || 'app'
  );
}

/** Beside this file where it is published, in `create-forerun/` in a checkout. */
function templatesFolder(): URL {
  return new URL(import.meta.url.endsWith('.ts') ? '../../create-forerun/templates/' : './templates/', import.meta.url);
}
