import { expect, test } from 'vitest';
import { harmless, table } from './terminal.ts';

test('[CMD-4] tables line up and fit, whatever characters are in them', () => {
  const rows = [
    ['日本語のとても長い文章がここにあります', 1],
    ['short', 22],
    ['👩‍👩‍👧 family and more words', null],
  ] as const;
  const lines = table(['text', 'n'], rows, 24).split('\n');
  expect(lines).toEqual([
    'text                  n',
    '────────────────────  ──',
    '日本語のとても長い…   1',
    'short                 22',
    '👩‍👩‍👧 family and more …  –',
  ]);
});

test('[CMD-8] a text of rows, modules or users reaches the terminal without what it would obey', () => {
  expect(harmless('a\u001b[31mred\u001b]0;title\u0007\u009b2J\tb\nc\u007f\u202ed')).toBe(
    'a␛[31mred␛]0;title␇\ufffd2J\tb\nc␡\ufffdd',
  );
  expect(table(['x\u001b[2J'], [['\u001b[2J\r\n']], 40)).toBe('x␛[2J\n─────\n␛[2J');
});
