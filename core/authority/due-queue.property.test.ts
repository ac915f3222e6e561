import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type Due, DueQueue } from './due-queue.ts';

const step = fc.oneof(
  { weight: 3, arbitrary: fc.record({ type: fc.constant('add' as const), dueMs: fc.nat(20) }) },
  { weight: 2, arbitrary: fc.record({ type: fc.constant('take' as const) }) },
  { weight: 2, arbitrary: fc.record({ type: fc.constant('drop' as const), which: fc.nat() }) },
);

describe('a queue of what is due', () => {
  it('[SCH-10] gives the earliest that is wanted, as a sorted list does', () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 400 }), (steps) => {
        const queue = new DueQueue<Due>();
        let wanted: Due[] = [];
        let order = 0;
        const earliest = () => wanted.toSorted((a, b) => a.dueMs - b.dueMs || a.order - b.order)[0];
        for (const each of steps) {
          const first = queue.first;
          expect(first).toBe(earliest());
          if (each.type === 'add') {
            const item = { dueMs: each.dueMs, order: order++, isWanted: true };
            queue.add(item);
            wanted.push(item);
          } else if (each.type === 'take') {
            if (first === undefined) continue;
            queue.takeFirst();
            wanted = wanted.filter((item) => item !== first);
          } else if (wanted.length > 0) {
            const item = wanted[each.which % wanted.length] as Due;
            queue.drop(item);
            wanted = wanted.filter((other) => other !== item);
          }
        }
        expect(queue.first).toBe(earliest());
      }),
    );
  });
});
