/**
 * `forerun new`: a project from a template.
 *
 * Law: nothing that is there is overwritten, and a project is there whole or not at all.
 */

import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
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
  if (folder === undefined && !canAsk()) throw new Failure(`Say where: forerun new ${fallbackFolder}`, exitCodes.usage);
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
  const source = fileURLToPath(new URL(`${template}/`, templatesFolder()));
  const unfinished = join(dirname(path), `.${basename(path)}.new-${process.pid}`);
  const name = packageName(basename(path));
  try {
    mkdirSync(dirname(path), { recursive: true });
    cpSync(source, unfinished, { recursive: true });
    // npm leaves files of that name out of a package.
    renameSync(join(unfinished, '_gitignore'), join(unfinished, '.gitignore'));
    for (const file of ['package.json', 'README.md', 'index.html', 'src/app.tsx', 'src/main.ts']) {
      const each = join(unfinished, file);
      if (!existsSync(each)) continue;
      const text = readFileSync(each, 'utf8');
      writeFileSync(
        each,
        text.replaceAll('my_first_app', name).replaceAll('"forerun": "*"', `"forerun": "^${version}"`),
      );
    }
    for (const each of readdirSync(unfinished)) {
      mkdirSync(path, { recursive: true });
      renameSync(join(unfinished, each), join(path, each));
    }
  } finally {
    rmSync(unfinished, { recursive: true, force: true });
  }
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
