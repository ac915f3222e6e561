import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { compileCodec } from '../codec/bsatn.ts';
import { compileCopy } from '../codec/copy.ts';
import type { Row } from '../commit/row-change.ts';
import type { ProductType } from '../value/column-type.ts';
import { PageCache } from './page-cache.ts';
import { ObjectCache } from './row-cache.ts';

const type: ProductType = {
  type: 'product',
  fields: [
    { name: 'id', type: { type: 'i64' } },
    { name: 'x', type: { type: 'f64' } },
  ],
};
const codec = compileCodec(type);
const copy = compileCopy(type);

/** Near keys, far keys that pages reach only once there are others, and keys that never lie in pages. */
const key = fc.oneof(
  fc.bigInt(0n, 5n),
  fc.bigInt(0n, 200_000n),
  fc.constantFrom(
    66_560n,
    67_000n,
    1_000_000n,
    -1n,
    -5n,
    2n ** 31n - 1n,
    2n ** 31n,
    2n ** 53n,
    2n ** 62n,
    -(2n ** 62n),
  ),
);
const operation = fc.oneof(
  fc.record({ type: fc.constant('put' as const), key, x: fc.option(fc.double({ noNaN: true }), { nil: undefined }) }),
  fc.record({ type: fc.constant('fill' as const), key, x: fc.option(fc.double({ noNaN: true }), { nil: undefined }) }),
  fc.record({ type: fc.constant('clean' as const), key }),
  fc.record({ type: fc.constant('clear' as const) }),
);

describe('a page cache', () => {
  test('knows what an object cache knows, whatever the keys', () => {
    fc.assert(
      fc.property(fc.array(operation, { maxLength: 60 }), fc.array(key, { maxLength: 8 }), (operations, others) => {
        const pages = new PageCache(codec, copy);
        const objects = new ObjectCache(copy);
        const dirty = new Set<bigint>();
        const seen = new Set<bigint>(others);
        for (const each of operations) {
          if (each.type === 'clear') {
            pages.clear();
            objects.clear();
            dirty.clear();
            continue;
          }
          seen.add(each.key);
          if (each.type === 'clean') {
            // Only dirty keys are cleaned, and only unknown ones filled.
            if (dirty.delete(each.key)) expect(pages.clean(each.key)).toEqual(objects.clean(each.key));
            continue;
          }
          const row: Row | undefined = each.x === undefined ? undefined : { id: each.key, x: each.x + 0 };
          if (each.type === 'put') {
            expect(pages.put(each.key, row)).toBe(objects.put(each.key, row));
            dirty.add(each.key);
          } else if (objects.get(each.key) === undefined) {
            pages.fill(each.key, row);
            objects.fill(each.key, row);
          }
        }
        expect(pages.size).toBe(objects.size);
        for (const each of seen) expect(pages.getCopy(each)).toEqual(objects.getCopy(each));
      }),
      { numRuns: 500 },
    );
  });

  test('keeps dirty rows when it forgets', () => {
    const pages = new PageCache(codec, copy);
    for (let id = 0n; id < 5_000n; id++) pages.fill(id, { id, x: 1 });
    pages.put(3_000n, { id: 3_000n, x: 2 });
    pages.forget(5_000);
    expect(pages.size).toBeLessThanOrEqual(1_024);
    expect(pages.get(3_000n)).toEqual({ id: 3_000n, x: 2 });
    expect(pages.get(0n)).toBeUndefined();
  });
});
