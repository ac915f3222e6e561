import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { arbitraryType, arbitraryValue } from './arbitrary.testing.ts';
import { compileCanonical } from './canonical.ts';
import { ownValue } from './own-value.ts';
import { changeable, rendered } from './rendered.testing.ts';

const typeAndValue = arbitraryType().chain((type) =>
  fc.record({ type: fc.constant(type), value: arbitraryValue(type) }),
);

describe('[CLI-14] any value of any type, between a page and its host', () => {
  it('is the same on the other side, value classes included', () => {
    fc.assert(
      fc.property(typeAndValue, ({ type, value }) => {
        const canonical = compileCanonical(type, 'row-invalid')(value, '');
        const own = ownValue(type);
        const cloned: unknown = structuredClone(canonical);
        expect(rendered(own === undefined ? cloned : own(cloned))).toBe(rendered(canonical));
      }),
    );
  });

  it('shares nothing that can be changed where both are in one process', () => {
    fc.assert(
      fc.property(typeAndValue, ({ type, value }) => {
        const canonical = compileCanonical(type, 'row-invalid')(value, '');
        const own = ownValue(type);
        const copy = own === undefined ? canonical : own(canonical);
        if (own === undefined) expect(changeable(canonical)).toEqual([]);
        expect(rendered(copy)).toBe(rendered(canonical));
        const objects = changeable(canonical);
        for (const part of changeable(copy)) expect(objects).not.toContain(part);
      }),
    );
  });

  it('as an app gives it is the same to the host, which checks it', () => {
    fc.assert(
      fc.property(typeAndValue, ({ type, value }) => {
        const check = compileCanonical(type, 'args-invalid');
        const own = ownValue(type);
        const sent: unknown = structuredClone(own === undefined ? value : own(value));
        expect(rendered(check(sent, ''))).toBe(rendered(check(value, '')));
      }),
    );
  });
});
