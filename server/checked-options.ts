/**
 * What `serve` is told, looked at before anything is opened. Law: a bound that can't hold (negative, no number, a word
 * misspelt) is refused at the start, where someone reads it, and not met by the first client.
 */

import { ForerunError } from '../core/errors.ts';
import { limits as defaults } from '../core/limits.ts';
import type { ServeOptions } from './serve.ts';

/** Timers take no more: beyond it, Node's fire at once. */
const timerMsMax = 2_147_483_647;
const timers: ReadonlySet<string> = new Set(['heartbeatMs']);
const numbers = ['timestampToleranceMs', 'logBytesMax', 'logAgeMsMax', 'behindBytesMax'] as const;

/** Throws `option-invalid`. */
export function checkOptions(options: ServeOptions): void {
  const { data, limits = {} } = options;
  if (data !== undefined && (typeof data !== 'string' || data === ''))
    throw invalid('data', data, 'the path of a folder, or leave it out for a database in memory');
  for (const name of numbers) checkNumber(name, options[name], 0);
  for (const [name, value] of Object.entries(limits)) {
    if (!Object.hasOwn(defaults, name)) throw invalid(`limits.${name}`, value, 'a name of docs/limits.md');
    checkNumber(`limits.${name}`, value, 1, timers.has(name) ? timerMsMax : Number.POSITIVE_INFINITY);
  }
}

function checkNumber(name: string, value: unknown, min: number, max = Number.POSITIVE_INFINITY): void {
  if (value === undefined || (typeof value === 'number' && value >= min && value <= max)) return;
  const range = max === Number.POSITIVE_INFINITY ? `a number from ${min}` : `a number from ${min} to ${max}`;
  throw invalid(name, value, max === Number.POSITIVE_INFINITY ? `${range}; Infinity for no bound` : range);
}

function invalid(name: string, value: unknown, use: string): ForerunError {
  const given = typeof value === 'string' ? `'${value}'` : String(value);
  return new ForerunError('option-invalid', `The option ${name} can't be ${given}: use ${use}.`, { detail: { name } });
}
