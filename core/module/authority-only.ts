/**
 * What stands in a client's bundle for a function that runs at the authority only. A predicted reducer that reaches it
 * can't be predicted here, and the authority decides.
 */

const brand: unique symbol = Symbol.for('forerun.authorityOnly');

/** Put in the place of functions by the build (`forerun/vite`); nobody else calls it. */
export function authorityOnly(): never {
  throw Object.assign(new Error('It runs code that only the authority has.'), { [brand]: true });
}

/** Whether an error says so, whichever copy of this package threw it. */
export function isAuthorityOnly(error: unknown): error is Error {
  return error instanceof Error && brand in error;
}
