/** The pad's tree of rows against one flat list of letters, with authors who each see only part of what is written. */

import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { openModule, type TestCaller } from '../../core/engine/engine.testing.ts';
import * as pad from '../../demo/pad/module.ts';
import { type ChunkRow, type NodeRow, textOf } from '../../demo/pad/text.ts';

interface Letter {
  readonly letter: string;
  readonly by: number;
  readonly edit: number;
  readonly gone: { readonly by: number; readonly edit: number }[];
}

/** The law in its simplest form: every letter there ever was, and who has seen what. */
class FlatText {
  readonly letters: Letter[] = [];
  readonly edits = new Map<number, number>();

  sees(me: number, seen: ReadonlyMap<number, number>): (letter: Letter) => boolean {
    const knows = (by: number, edit: number): boolean => by === me || edit <= (seen.get(by) ?? 0);
    return ({ by, edit, gone }) => knows(by, edit) && !gone.some((each) => knows(each.by, each.edit));
  }

  write(me: number, seen: ReadonlyMap<number, number>, at: number, remove: number, insert: string): void {
    const edit = (this.edits.get(me) ?? 0) + 1;
    this.edits.set(me, edit);
    const sees = this.sees(me, seen);
    let place = 0;
    for (let left = at; left > 0 && place < this.letters.length; place++) {
      const letter = this.letters[place];
      if (letter !== undefined && sees(letter)) left--;
    }
    let left = remove;
    for (let i = place; left > 0 && i < this.letters.length; i++) {
      const letter = this.letters[i];
      if (letter === undefined || !sees(letter)) continue;
      letter.gone.push({ by: me, edit });
      left--;
    }
    this.letters.splice(place, 0, ...[...insert].map((letter) => ({ letter, by: me, edit, gone: [] })));
  }

  get text(): string {
    return this.letters
      .filter(({ gone }) => gone.length === 0)
      .map(({ letter }) => letter)
      .join('');
  }
}

function textIn(caller: TestCaller): string {
  const rows = (accessor: string) => {
    const store = caller.engine.stores.find(({ shape }) => shape.table.accessor === accessor);
    return store === undefined ? [] : caller.engine.rows(store.shape.table.tableId);
  };
  return textOf(rows('node') as unknown as NodeRow[], rows('chunk') as unknown as ChunkRow[]);
}

const step = fc.record({
  me: fc.integer({ min: 1, max: 3 }),
  /** Reads all that the others have written, before writing. */
  reads: fc.boolean(),
  at: fc.nat(),
  remove: fc.oneof(fc.constant(0), fc.nat(12), fc.nat(900)),
  insert: fc.oneof(fc.string({ maxLength: 6 }), fc.string({ minLength: 200, maxLength: 700 }), fc.constant('')),
});

test('a text in rows is the text as every author saw it, whatever they had not seen of each other', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 80 }), async (steps) => {
      const caller = await openModule(pad);
      const flat = new FlatText();
      const seen = new Map([1, 2, 3].map((author) => [author, new Map<number, number>()]));
      caller.call('init');
      for (const author of [1, 2, 3]) caller.call('read', { args: { author, edit: 0, seen: [] } });
      for (const { me, reads, at, remove, insert } of steps) {
        const mine = seen.get(me) ?? new Map<number, number>();
        if (reads) for (const [author, edits] of flat.edits) mine.set(author, edits);
        const length = flat.letters.filter(flat.sees(me, mine)).length;
        const change = { at: at % (length + 1), remove, insert };
        flat.write(me, mine, change.at, change.remove, change.insert);
        const edit = flat.edits.get(me) ?? 0;
        const others = [...mine].filter(([author]) => author !== me);
        const args = {
          author: me,
          edit,
          seen: others.map(([author, count]) => ({ author, edit: count })),
          changes: [change],
        };
        expect(caller.call('write', { args }).type).toBe('committed');
        if (edit % 5 === 0) caller.call('read', { args: { author: me, edit, seen: args.seen } });
        expect(textIn(caller)).toBe(flat.text);
      }
      caller.engine.close();
    }),
    { numRuns: 60 },
  );
}, 60_000);
