/**
 * One error class of ours with many codes, and one for the user's own. `docs/errors.md` has a heading for each code; a
 * test compares the two lists.
 */

export const errorCodes = [
  'args-invalid',
  'address-unusable',
  'auto-inc-overflow',
  'call-rejected',
  'call-too-late',
  'client-closed',
  'connection-refused',
  'data-folder-unusable',
  'database-corrupt',
  'frame-invalid',
  'frame-too-large',
  'internal',
  'limit-reached',
  'log-unavailable',
  'module-invalid',
  'module-mismatch',
  'nondeterministic',
  'not-connected',
  'not-found',
  'option-invalid',
  'port-in-use',
  'protocol-mismatch',
  'query-invalid',
  'reducer-async',
  'reducer-not-callable',
  'reducer-threw',
  'reducer-unknown',
  'replica-taken',
  'row-invalid',
  'row-missing',
  'schema-changed',
  'storage-unavailable',
  'token-invalid',
  'unique-violation',
] as const;

export type ErrorCode = (typeof errorCodes)[number];

export interface ErrorDetails {
  /** The offending value or place, when it may be shown: never a secret, never another viewer's row. */
  readonly detail?: unknown;
  readonly cause?: unknown;
}

/** Every failure of ours that a user can meet: a stable `code`, and a sentence that says what to do. */
export class ForerunError extends Error {
  override readonly name = 'ForerunError';
  readonly code: ErrorCode;
  readonly detail: unknown;

  constructor(code: ErrorCode, message: string, details: ErrorDetails = {}) {
    super(message, details.cause === undefined ? undefined : { cause: details.cause });
    this.code = code;
    this.detail = details.detail;
  }
}

const senderErrorBrand: unique symbol = Symbol.for('forerun.SenderError') as never;

/**
 * Thrown by a reducer to refuse a call: the call is rolled back and its caller's promise rejects with this message.
 * Anything else that a reducer throws is a bug: it is logged whole, and the caller is told `reducer-threw` only.
 */
export class SenderError extends Error {
  override readonly name = 'SenderError';

  /** Two copies of this package recognise each other's errors. */
  static is(value: unknown): value is SenderError {
    return typeof value === 'object' && value !== null && senderErrorBrand in value;
  }
}

Object.defineProperty(SenderError.prototype, senderErrorBrand, { value: true });
