/**
 * What the engine has of commits that are not durable yet, for those who need rows as they are durable. It is kept from
 * when somebody first needed it on: objects that live until the disk has answered cost a busy authority dearly.
 *
 * Law: `changes` are all of them, oldest first, or undefined.
 */

import type { Seq } from '../commit/call.ts';
import type { RowChange } from '../commit/row-change.ts';

export class UndurableChanges {
  readonly #commits: { readonly seq: Seq; readonly changes: readonly RowChange[] }[] = [];
  #isWanted = false;
  /** The last commit that was not noted. */
  #missing: number;

  constructor(executedSeq: Seq) {
    this.#missing = executedSeq;
  }

  want(): void {
    this.#isWanted = true;
  }

  executed(seq: Seq, changes: readonly RowChange[]): void {
    if (this.#isWanted) this.#commits.push({ seq, changes });
    else this.#missing = seq;
  }

  durable(lastSeq: Seq): void {
    const count = this.#commits.findIndex(({ seq }) => seq > lastSeq);
    this.#commits.splice(0, count < 0 ? this.#commits.length : count);
  }

  /** They have been taken back. */
  lost(): void {
    this.#commits.length = 0;
  }

  changes(durableSeq: Seq): readonly RowChange[] | undefined {
    return this.#missing > durableSeq ? undefined : this.#commits.flatMap(({ changes }) => changes);
  }
}
