/** What is typed into the pad arrives as it was typed, in whole letters and in parts that a call can take. */

import { ChangeSet, Text } from '@codemirror/state';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { editsOf } from '../../demo/pad/edits.ts';

const letters = fc.string({ unit: fc.constantFrom('a', '\n', '😀', '😁', '👩', 'é', '日'), maxLength: 12 });
const textOf = (text: string): Text => Text.of(text.split('\n'));

/** The shortest change from one text to another, by UTF-16 units, as editors find it. */
function shortest(before: string, after: string): { from: number; to: number; insert: string } {
  let from = 0;
  while (from < Math.min(before.length, after.length) && before[from] === after[from]) from++;
  let back = 0;
  while (
    back < Math.min(before.length, after.length) - from &&
    before[before.length - 1 - back] === after[after.length - 1 - back]
  )
    back++;
  return { from, to: before.length - back, insert: after.slice(from, after.length - back) };
}

function applied(text: string, changes: ReturnType<typeof editsOf>): string {
  return changes.flat().reduce((so, { at, remove, insert }) => so.slice(0, at) + insert + so.slice(at + remove), text);
}

test('any change of a text, even one that an editor finds inside of an emoji, is made of whole letters', () => {
  fc.assert(
    fc.property(fc.array(fc.tuple(letters, letters), { maxLength: 4 }), letters, (stretches, between) => {
      // Several changes at once, with unchanged text between them.
      let [before, after] = ['', ''];
      const found: { from: number; to: number; insert: string }[] = [];
      for (const [old, next] of stretches) {
        const { from, to, insert } = shortest(old, next);
        if (from !== to || insert !== '') found.push({ from: before.length + from, to: before.length + to, insert });
        before += old + between;
        after += next + between;
      }
      const changes = ChangeSet.of(
        found.map((change) => ({ ...change, insert: textOf(change.insert) })),
        before.length,
      );
      const edits = editsOf(changes, textOf(before), textOf(after));
      expect(applied(before, edits)).toBe(after);
      for (const { insert } of edits.flat()) expect(insert.isWellFormed()).toBe(true);
    }),
  );
});

test('a megabyte is several calls, none of them with half an emoji', () => {
  const text = '😀'.repeat(250_000).slice(0, -2);
  const changes = ChangeSet.of([{ from: 1, insert: text }], 2);
  const edits = editsOf(changes, textOf('ab'), textOf(`a${text}b`));
  expect(edits.length).toBeGreaterThan(15);
  for (const part of edits) {
    const length = part.reduce((sum, { insert }) => sum + insert.length, 0);
    expect(length).toBeLessThanOrEqual(32_768);
    for (const { insert } of part) expect(insert.isWellFormed()).toBe(true);
  }
  expect(applied('ab', edits)).toBe(`a${text}b`);
});
