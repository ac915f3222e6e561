/** What an app holds of a subscription, and what it may subscribe to. */

import { checkQuery } from '#client-checks';
import { ForerunError } from '../../core/errors.ts';
import { specOf } from '../../core/module/query-builder.ts';
import type { queryKey } from '../../core/module/table-query.ts';
import type { TableShape } from '../../core/module/table-shape.ts';
import { isSql, type SqlHolder, sqlText } from '../../core/query/sql-template.ts';
import type { SubscriptionSource } from './host-api.ts';

/** SQL text, `SELECT * FROM player WHERE room = 5`, the same as a template with values, or a query of `client.tables`. */
export type SubscriptionQuery = string | SqlHolder | { readonly [queryKey]: object };

export interface SubscriptionCallbacks {
  /** The rows are here. Called once. */
  readonly onApplied?: () => void;
  /** It was refused: `query-invalid`, with the place in the text, also as `detail` (`{ line, column }`) where it is known. Called once, and nothing else of it after. */
  readonly onError?: (error: ForerunError) => void;
}

export class SubscriptionHandle {
  readonly #callbacks: SubscriptionCallbacks;
  readonly #unsubscribe: () => void;
  #state: 'asked' | 'active' | 'ending' | 'ended' = 'asked';
  #onEnded: (() => void) | undefined;

  constructor(callbacks: SubscriptionCallbacks, unsubscribe: () => void) {
    this.#callbacks = callbacks;
    this.#unsubscribe = unsubscribe;
  }

  /** Its rows are here and kept up to date. */
  isActive = (): boolean => this.#state === 'active' || this.#state === 'ending';

  /** It is over: refused, or ended and its rows gone. */
  isEnded = (): boolean => this.#state === 'ended';

  /** Lets go of its rows, except those that another subscription holds. */
  unsubscribe = (): void => {
    if (this.#state !== 'asked' && this.#state !== 'active') return;
    this.#state = this.#state === 'active' ? 'ending' : this.#state;
    this.#unsubscribe();
  };

  /** The same; calls back when its rows are gone. */
  unsubscribeThen = (onEnded: () => void): void => {
    if (this.#state === 'ended') return onEnded();
    this.#onEnded = onEnded;
    this.unsubscribe();
  };

  /** From the host. */
  advance(state: 'applied' | 'ended' | 'failed', message: string, detail?: unknown): void {
    if (this.#state === 'ended') return;
    if (state === 'applied') {
      if (this.#state === 'asked') this.#state = 'active';
      this.#callbacks.onApplied?.();
      return;
    }
    this.#state = 'ended';
    if (state === 'failed') this.#callbacks.onError?.(new ForerunError('query-invalid', message, { detail }));
    else this.#onEnded?.();
  }
}

/** As it goes to the host. Throws `query-invalid` for a builder's query that is none of whole rows. */
export function subscriptionSource(query: SubscriptionQuery, tables: readonly TableShape[]): SubscriptionSource {
  if (typeof query === 'string') return query;
  if (isSql(query)) return sqlText(query);
  const spec = specOf(query);
  if (spec === undefined)
    throw new ForerunError(
      'query-invalid',
      'A subscription is SQL (a text, or sql`SELECT …`), or a query of client.tables.',
    );
  checkQuery(spec, tables);
  const isWholeRows = spec.select === undefined && spec.result !== undefined;
  if (!isWholeRows || spec.orderBy.length > 0 || spec.limit !== undefined || spec.offset > 0)
    throw new ForerunError(
      'query-invalid',
      'A subscription is to whole rows, without order and limit: where(…) and semijoins. Order and limit what client.live gives.',
    );
  return { spec };
}
