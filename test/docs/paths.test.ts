/** What the documents point at is there: files of this repository, and other pages. */

import { existsSync, globSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';

const root = fileURLToPath(new URL('../..', import.meta.url));
const pages = ['README.md', 'CONTRIBUTING.md', ...globSync('docs/**/*.md', { cwd: root })];

test.each(pages)('%s names files that are there', (page) => {
  const text = readFileSync(join(root, page), 'utf8');
  const named = [...text.matchAll(/`((?:core|worker|server|demo|test|bench|docs|\.ci)\/[\w./-]*)`/g)];
  const linked = [...text.matchAll(/\]\((?!https?:)([^)#]+)(?:#[^)]*)?\)/g)];
  const paths = [...named.map(([, path = '']) => path), ...linked.map(([, path = '']) => join(dirname(page), path))];
  expect(paths.filter((path) => !existsSync(join(root, path)))).toEqual([]);
});
