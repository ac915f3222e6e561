/** Where in the user's own sources an error comes from, and the line there: what a developer wants to see of a stack. */

import { existsSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { isAbsolute, relative } from 'node:path';
import { stripVTControlCharacters } from 'node:util';

export interface SourcePlace {
  /** From the root, as it is printed. */
  readonly file: string;
  readonly line: number;
  readonly column: number;
  /** The line with its neighbours, numbered, and a mark under the column. */
  readonly frame: string;
}

const shownAround = 1;

/** The first place on the stack that lies in a file of the project; its lines must be those of the sources already. */
export function placeOf(stack: string, root: string): SourcePlace | undefined {
  for (const [, spelled = '', line = '', column = ''] of stack.matchAll(/((?:file:\/\/)?[^\s()]+):(\d+):(\d+)\)?$/gm)) {
    const path = spelled.startsWith('file://') ? fileURLToPath(spelled) : spelled;
    const file = relative(root, path.split('?', 1)[0] ?? path);
    if (!isAbsolute(path) || file.startsWith('..') || file.includes('node_modules')) continue;
    if (!existsSync(path)) continue;
    return { file, line: Number(line), column: Number(column), frame: frameOf(path, Number(line), Number(column)) };
  }
  return undefined;
}

function frameOf(path: string, line: number, column: number): string {
  const lines = readFileSync(path, 'utf8').split('\n');
  const first = Math.max(1, line - shownAround);
  const last = Math.min(lines.length, line + shownAround);
  const width = String(last).length;
  const shown: string[] = [];
  for (let at = first; at <= last; at++) {
    shown.push(`  ${String(at).padStart(width)} | ${lines[at - 1] ?? ''}`);
    if (at === line) shown.push(`  ${' '.repeat(width)} | ${' '.repeat(Math.max(0, column - 1))}^`);
  }
  return shown.join('\n');
}

/** An error's own words, where it comes from, and the line there; without a place in the project, its whole stack. */
export function describedWithSource(error: unknown, root: string): string {
  if (!(error instanceof Error)) return String(error);
  const place = placeOf(error.stack ?? '', root);
  const title = `${error.name}: ${error.message}`;
  // What a transformer says has its place and lines in it, and no stack that would help.
  if ('plugin' in error) return stripVTControlCharacters(error.message);
  if (place === undefined) return error.stack ?? title;
  return `${title}\n    at ${place.file}:${place.line}:${place.column}\n${place.frame}`;
}
