/** The project that a command is given in: its package.json, its module, and where its data lies. */

import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';
import { filesIn, readAddress } from '../log/data-folder.ts';
import { exitCodes, Failure } from './failure.ts';

export const defaultData = '.forerun';
export const defaultDatabase = 'main';

/** Of package.json what concerns us. */
export interface ProjectPackage {
  readonly folder: string;
  /** `"forerun": { "module": "src/module.ts" }`, for projects without a page. */
  readonly module: string | undefined;
}

/** The nearest folder upwards with a package.json. Undefined outside of any project. */
export function findProject(from: string = process.cwd()): ProjectPackage | undefined {
  const file = join(from, 'package.json');
  if (existsSync(file)) {
    const { forerun } = readJson(file) as { forerun?: { module?: unknown } };
    return { folder: from, module: typeof forerun?.module === 'string' ? forerun.module : undefined };
  }
  const parent = dirname(from);
  return parent === from ? undefined : findProject(parent);
}

export function requireProject(): ProjectPackage {
  const project = findProject();
  if (project !== undefined) return project;
  throw new Failure(
    `There is no project here: no package.json in ${process.cwd()} or above it. Make one with: forerun new my_first_app`,
  );
}

/** How a command says which database it means. */
export interface DatabaseOptions {
  readonly server?: string;
  readonly token?: string;
  readonly data?: string;
  readonly database?: string;
}

export interface DatabasePlace {
  readonly database: string;
  /** Of the data on this machine; undefined when only a server was named. */
  readonly folder: string | undefined;
}

/** Where the data of the database lies; fails when there is none. */
export function databaseFolder({ data, database }: DatabaseOptions): {
  readonly database: string;
  readonly folder: string;
} {
  const root = resolve(data ?? join(findProject()?.folder ?? '.', defaultData));
  const shown = relative('', root) || '.';
  if (!existsSync(root)) {
    throw new Failure(
      `There is no data in ${shown}. Start the database first with forerun dev, or name its folder with --data.`,
    );
  }
  const names = readdirSync(root).filter((name) => existsSync(filesIn(join(root, name), name).databaseFile));
  if (database !== undefined) {
    if (names.includes(database)) return { database, folder: join(root, database) };
    throw new Failure(`There is no database '${database}' in ${shown}. ${listed(names)}`);
  }
  const [only, ...others] = names;
  if (only === undefined)
    throw new Failure(
      `There is no database in ${shown} yet. Start it with forerun dev, or name its folder with --data.`,
    );
  if (others.length > 0 && !names.includes(defaultDatabase))
    throw new Failure(`Say which database, with --database. ${listed(names)}`, exitCodes.usage);
  const name = others.length === 0 ? only : defaultDatabase;
  return { database: name, folder: join(root, name) };
}

function listed(names: readonly string[]): string {
  return names.length === 0 ? 'There is none.' : `There ${names.length === 1 ? 'is' : 'are'}: ${names.join(', ')}.`;
}

/** Where the server that has this folder listens. */
export function addressOf(folder: string, database: string): string | undefined {
  return readAddress(filesIn(folder, database).addressFile)?.url;
}

function readJson(file: string): unknown {
  try {
    return JSON.parse(readFileSync(file, 'utf8'));
  } catch (cause) {
    throw new Failure(`${file} can't be read as JSON: ${(cause as Error).message}.`, exitCodes.failed, { cause });
  }
}
