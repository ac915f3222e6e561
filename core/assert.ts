/**
 * Three strengths of claim: `assert` is for what this code has proven (its failure is our bug, and stops the operation
 * before it does harm), `ForerunError` is for what the world may do, `unreachable` closes a switch.
 */

export class AssertionError extends Error {
  override readonly name = 'AssertionError';
}

export function assert(condition: unknown, claim: string): asserts condition {
  if (!condition) throw new AssertionError(`forerun: broken invariant: ${claim}`);
}

/** Ends a switch over a closed union; the compiler complains when a member is missing. */
export function unreachable(value: never): never {
  throw new AssertionError(`forerun: unexpected ${JSON.stringify(value)}`);
}
