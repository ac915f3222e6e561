/**
 * One call, as its maker sees it: predicted, stored, then confirmed or rejected; and told when a replay changes what it does.
 *
 *     const call = client.reducers.move({ dx: 1, dy: 0 });
 *     await call.predicted; // the rows show it
 *     await call;           // the authority has made it durable
 */

import { ForerunError, SenderError } from '../../core/errors.ts';
import { Timestamp } from '../../core/value/timestamp.ts';
import type { CallProgress, OutcomeSummary, PredictionSummary } from './host-api.ts';

export interface Confirmation {
  /** Number of its commit; undefined when it changed nothing. */
  readonly seq: number | undefined;
  /** The authority did what was predicted. */
  readonly asPredicted: boolean;
}

export interface OutcomeChange {
  readonly from: OutcomeSummary;
  readonly to: OutcomeSummary;
}

export type CallState = 'calling' | 'predicted' | 'stored' | 'confirmed' | 'rejected';

export class CallHandle implements PromiseLike<Confirmation> {
  readonly reducer: string;
  /** As they were checked; not to be changed. */
  readonly args: unknown;
  #state: CallState = 'calling';
  #prediction: PredictionSummary | undefined;
  #isStored = false;
  #timestampMicros: number | undefined;
  #result: { readonly confirmation: Confirmation } | { readonly error: Error } | undefined;
  /** How often it ran again, and how often it then did something else. */
  #replays = 0;
  #changes = 0;
  readonly #waiters = new Set<() => void>();
  readonly #outcomeListeners = new Set<(change: OutcomeChange) => void>();

  constructor(reducer: string, args: unknown) {
    this.reducer = reducer;
    this.args = args;
  }

  get state(): CallState {
    return this.#state;
  }

  /** What it does here at the moment; undefined until it has run, or been left to the authority. */
  get prediction(): PredictionSummary | undefined {
    return this.#prediction;
  }

  /**
   * What `ctx.timestamp` is where it is predicted: rows that store it can be told from others while the call is pending.
   * Undefined until it has run, or been left to the authority.
   */
  get timestamp(): Timestamp | undefined {
    return this.#timestampMicros === undefined ? undefined : new Timestamp(BigInt(this.#timestampMicros));
  }

  /** Why it was rejected, or why its answer will never come. */
  get error(): Error | undefined {
    return this.#result !== undefined && 'error' in this.#result ? this.#result.error : undefined;
  }

  /**
   * Resolves when the prediction is in the rows of live queries, or when there won't be one; `type` says which. Does not
   * reject for a reducer that throws: the authority decides.
   */
  get predicted(): Promise<PredictionSummary> {
    return new Promise((resolve, reject) => {
      this.#when(
        () => this.#prediction !== undefined || this.#result !== undefined,
        () => {
          if (this.#prediction !== undefined) resolve(this.#prediction);
          else if (this.#result !== undefined && 'error' in this.#result) reject(this.#result.error);
        },
      );
    });
  }

  /**
   * Resolves when the call survives a reload: it is kept on this device until it is answered, and is sent once, from
   * whichever page is open then. Where nothing is kept (`client.status.storage`), it resolves with the answer.
   */
  get stored(): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#when(
        () => this.#isStored || this.#result !== undefined,
        () => {
          if (this.#result !== undefined && 'error' in this.#result && !this.#isStored) reject(this.#result.error);
          else resolve();
        },
      );
    });
  }

  /**
   * Resolves when the call is durable at the authority and in the rows here. Rejects with `SenderError` when the reducer
   * refused it, else with a `ForerunError` that has the authority's code.
   */
  get confirmed(): Promise<Confirmation> {
    return new Promise((resolve, reject) => {
      this.#when(
        () => this.#result !== undefined,
        () => {
          if (this.#result === undefined) return;
          if ('error' in this.#result) reject(this.#result.error);
          else resolve(this.#result.confirmation);
        },
      );
    });
  }

  /** How often it ran again here before it was confirmed; 0 until then. */
  get replays(): number {
    return this.#replays;
  }

  /** How often such a replay made it do something else. */
  get outcomeChanges(): number {
    return this.#changes;
  }

  /** Undefined until the authority has confirmed it. */
  get confirmation(): Confirmation | undefined {
    return this.#result !== undefined && 'confirmation' in this.#result ? this.#result.confirmation : undefined;
  }

  /** Calls back when a replay on changed rows makes the call do something else. The result stops it. */
  onOutcomeChange(listener: (change: OutcomeChange) => void): () => void {
    this.#outcomeListeners.add(listener);
    return () => this.#outcomeListeners.delete(listener);
  }

  // biome-ignore lint/suspicious/noThenProperty: a handle is awaitable by design
  then<A = Confirmation, B = never>(
    fulfilled?: ((confirmation: Confirmation) => A | PromiseLike<A>) | null,
    rejected?: ((reason: unknown) => B | PromiseLike<B>) | null,
  ): Promise<A | B> {
    return this.confirmed.then(fulfilled, rejected);
  }

  /** From the host; for the client object only. */
  advance(progress: CallProgress): void {
    switch (progress.type) {
      case 'predicted':
        this.#prediction = progress.prediction;
        this.#timestampMicros = progress.timestampMicros;
        if (this.#state === 'calling') this.#state = 'predicted';
        break;
      case 'stored':
        this.#isStored = true;
        if (this.#state === 'predicted') this.#state = 'stored';
        break;
      case 'outcomeChanged':
        this.#prediction = progress.to;
        this.#changes++;
        for (const listener of this.#outcomeListeners) listener(progress);
        break;
      case 'confirmed':
        this.#state = 'confirmed';
        this.#replays = progress.replays;
        this.#result = { confirmation: { seq: progress.seq, asPredicted: progress.asPredicted } };
        break;
      case 'rejected': {
        const { code, message } = progress.rejection;
        this.#state = 'rejected';
        this.#result = { error: code === 'call-rejected' ? new SenderError(message) : new ForerunError(code, message) };
        break;
      }
    }
    for (const wake of [...this.#waiters]) wake();
  }

  /** The client was closed before the authority answered. */
  abandon(): void {
    if (this.#result !== undefined) return;
    this.#result = {
      error: new ForerunError(
        'client-closed',
        `The client was closed before the authority answered the call of '${this.reducer}'.`,
      ),
    };
    for (const wake of [...this.#waiters]) wake();
  }

  #when(condition: () => boolean, then: () => void): void {
    if (condition()) return then();
    const wake = (): void => {
      if (!condition()) return;
      this.#waiters.delete(wake);
      then();
    };
    this.#waiters.add(wake);
  }
}
