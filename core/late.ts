/**
 * Code that is loaded when it is first needed, so that a worker starts without it.
 *
 * Law: whoever uses it at once has seen to it before that it is here. Where everything may be here from the start, as in
 * Node, it is provided.
 */

import { ForerunError } from './errors.ts';

export class Late<Code> {
  readonly #import: () => Promise<Code>;
  #loading: Promise<void> | undefined;
  #code: Code | undefined;

  constructor(load: () => Promise<Code>) {
    this.#import = load;
  }

  get isHere(): boolean {
    return this.#code !== undefined;
  }

  /** Throws `internal` when it is not here. */
  get code(): Code {
    if (this.#code === undefined) throw new ForerunError('internal', 'Code is used before it is loaded.');
    return this.#code;
  }

  /** Rejects when it can't be loaded, as without a network; the next time it is tried again. */
  load(): Promise<void> {
    this.#loading ??= this.#import().then(
      (code) => this.provide(code),
      (error: unknown) => {
        this.#loading = undefined;
        throw error;
      },
    );
    return this.#loading;
  }

  provide(code: Code): void {
    this.#code = code;
  }
}
