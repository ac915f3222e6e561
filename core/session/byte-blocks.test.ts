import fc from 'fast-check';
import { expect, test } from 'vitest';
import { ByteBlocks, type KeptBytes } from './byte-blocks.ts';

test('what is kept stays as it is until it is dropped, whatever else comes and goes', () => {
  const size = fc.oneof(fc.integer({ min: 0, max: 300 }), fc.integer({ min: 0, max: 400_000 }));
  fc.assert(
    fc.property(fc.array(fc.tuple(size, fc.nat(6)), { maxLength: 60 }), (steps) => {
      const blocks = new ByteBlocks();
      const kept: { readonly fill: number; readonly length: number; readonly bytes: KeptBytes }[] = [];
      for (const [i, [length, drops]] of steps.entries()) {
        const bytes = new Uint8Array(length).fill(i + 1);
        kept.push({ fill: i + 1, length, bytes: blocks.keep(bytes) });
        bytes.fill(0);
        // Not always the oldest: the law does not ask for an order.
        for (let n = 0; n < drops && kept.length > 3; n++)
          blocks.drop((kept.splice((i * 7) % kept.length, 1)[0] as (typeof kept)[number]).bytes);
        for (const each of kept) {
          expect(each.bytes.bytes.length).toBe(each.length);
          expect(each.bytes.bytes.every((byte) => byte === each.fill)).toBe(true);
        }
      }
    }),
    { numRuns: 20 },
  );
});
