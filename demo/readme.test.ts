/** What the demos' READMEs say of their files is so: each names all of its demo's, with lines that are nearly right. */

import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';

const demos = ['arena', 'pad', 'flights', 'chat'];
/** A line more or less needs no other README. */
const tolerance = 0.05;

interface TableRow {
  readonly part: string;
  readonly files: readonly string[];
  readonly lines: number;
}

function tableOf(demo: string): readonly TableRow[] {
  const readme = readFileSync(join(import.meta.dirname, demo, 'README.md'), 'utf8');
  return [...readme.matchAll(/^\| ([^|]*?) ?\| (`[^|]+`) \| (\d+) \|/gm)].map(([, part = '', files = '', lines]) => ({
    part,
    files: [...files.matchAll(/`([^`]+)`/g)].map(([, name = '']) => name),
    lines: Number(lines),
  }));
}

function linesOf(demo: string, file: string): number {
  return readFileSync(join(import.meta.dirname, demo, file), 'utf8')
    .trimEnd()
    .split('\n').length;
}

describe.each(demos)('the README of %s', (demo) => {
  const rows = tableOf(demo);

  test('says of which files module, client and UI are, and leaves none out', () => {
    expect(rows.map(({ part }) => part)).toEqual(expect.arrayContaining(['module', 'client', 'UI']));
    const sources = readdirSync(join(import.meta.dirname, demo)).filter((file) => /\.tsx?$/.test(file));
    expect(rows.flatMap(({ files }) => files).toSorted()).toEqual(sources.toSorted());
  });

  test.each(rows)('says how many lines $files have', ({ files, lines }) => {
    const actual = files.reduce((sum, file) => sum + linesOf(demo, file), 0);
    expect(Math.abs(lines - actual), `${files.join(', ')}: ${actual} lines`).toBeLessThanOrEqual(
      Math.max(1, actual * tolerance),
    );
  });

  test('fits a screen', () => {
    expect(linesOf(demo, 'README.md')).toBeLessThanOrEqual(40);
  });
});
