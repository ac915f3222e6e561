import { expect, it } from 'vitest';
import { Range } from './range.ts';

it('a range without bounds is unbounded on both sides', () => {
  expect(new Range()).toMatchObject({ from: { tag: 'unbounded' }, to: { tag: 'unbounded' } });
  expect(new Range(null, { tag: 'excluded', value: 3 })).toMatchObject({
    from: { tag: 'unbounded' },
    to: { tag: 'excluded', value: 3 },
  });
});

it('a range is told from a value, and known when another copy of this package made it', () => {
  expect(Range.is(new Range())).toBe(true);
  expect(Range.is({ from: { tag: 'unbounded' }, to: { tag: 'included', value: 3 } })).toBe(true);
  for (const value of [null, 3, 'from', [1, 2], { tag: 'included' }, { from: 1, to: 2 }])
    expect(Range.is(value)).toBe(false);
});
