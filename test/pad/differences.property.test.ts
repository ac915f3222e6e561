import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { changedStretches, type Difference, trimmed } from '../../demo/pad/differences.ts';
import type { ChunkRow } from '../../demo/pad/text.ts';

const chunkTexts = fc.array(fc.string({ maxLength: 5 }), { maxLength: 8 });

function textOf(chunks: readonly ChunkRow[]): string {
  return chunks.map(({ text }) => text).join('');
}

/** All at once: places are those of the text before. */
function changed(text: string, changes: readonly Difference[]): string {
  return changes.toReversed().reduce((now, { from, to, insert }) => now.slice(0, from) + insert + now.slice(to), text);
}

test('what is kept and what has changed make the other text', () => {
  fc.assert(
    fc.property(
      chunkTexts,
      fc.array(fc.oneof(fc.nat(7), fc.string({ maxLength: 5 })), { maxLength: 8 }),
      (texts, made) => {
        const before = texts.map((text, id): ChunkRow => ({ id, text, runs: [] }));
        // Kept rows are the same objects, in their order; between them stand new ones.
        let reached = 0;
        const after = made.flatMap((each): ChunkRow[] => {
          if (typeof each === 'string') return [{ id: 100, text: each, runs: [] }];
          const kept = before[reached + (each % 3)];
          reached += (each % 3) + 1;
          return kept === undefined ? [] : [kept];
        });
        const stretches = changedStretches(before, after);
        expect(changed(textOf(before), stretches)).toBe(textOf(after));
        const least = stretches.flatMap(
          ({ from, to, insert }) => trimmed(from, textOf(before).slice(from, to), insert) ?? [],
        );
        expect(changed(textOf(before), least)).toBe(textOf(after));
      },
    ),
  );
});

test('a change leaves what is the same on both sides alone', () => {
  expect(trimmed(10, 'one two three', 'one four three')).toEqual({ from: 14, to: 17, insert: 'four' });
  expect(trimmed(10, 'same', 'same')).toBeUndefined();
  expect(trimmed(0, 'aa', 'aaa')).toEqual({ from: 2, to: 2, insert: 'a' });
});
