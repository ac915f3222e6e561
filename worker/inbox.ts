/**
 * What the authority has said and the host has not done yet, in order. A message is reconciled at once when that is
 * quick; otherwise in slices, between which the host hears its pages: no task of the host is long, however many calls are
 * pending.
 *
 * Law: messages take effect one after the other, in the order in which they came. Batches that had to wait for the end of
 * a long reconciliation are reconciled as one, so that a host which is behind catches up.
 */

import type { Environment } from '../core/environment.ts';
import { limits } from '../core/limits.ts';
import type { BatchMessage, ServerMessage } from '../core/protocol/messages.ts';
import type { HasTime } from './predict/predictor.ts';

export interface InboxOptions {
  readonly environment: Environment;
  /** Begins on a message; what is left to do is done by `goOn`. */
  readonly receive: (message: ServerMessage) => void;
  /** Goes on with what was begun; gives whether it is done, and the rows are right again. */
  readonly goOn: (hasTime: HasTime) => boolean;
  /** Asks the host to call `work` again, in a task of its own. */
  readonly wake: () => void;
}

/** What is nearly done when a call comes is done first, so that it runs on the newest rows. */
const hurryMs = 2;
const always: HasTime = () => true;

export class Inbox {
  readonly #options: InboxOptions;
  #messages: ServerMessage[] = [];
  #taken = 0;
  #isBusy = false;
  #isBehind = false;
  #wakeAsked = false;

  constructor(options: InboxOptions) {
    this.#options = options;
  }

  /** A message is being reconciled. */
  get isBusy(): boolean {
    return this.#isBusy;
  }

  push(messages: readonly ServerMessage[]): void {
    this.#messages.push(...messages);
  }

  /** Works for a slice's time; `between` is called when a message is done and another one waits. */
  work(between: () => void): void {
    const hasTime = this.#slice(limits.reconcileSliceMs);
    for (;;) {
      if (this.#isBusy) {
        this.#isBusy = !this.#options.goOn(hasTime);
        // What has come of it is told before the next one is begun on, which may take as long.
        if (this.#isBusy || (this.#taken < this.#messages.length && !hasTime())) break;
      }
      const message = this.#next();
      if (message === undefined) return;
      if (this.#isBehind) between();
      this.#options.receive(message);
      this.#isBusy = true;
      if (!hasTime()) break;
    }
    this.#isBehind = true;
    this.#askWake();
  }

  /** Goes on with the message at hand for a little while: what is nearly done is done, before someone has to look around it. */
  hurry(): void {
    if (this.#isBusy) this.#isBusy = !this.#options.goOn(this.#slice(hurryMs));
  }

  /** Ends the message at hand, however long it takes. */
  finish(): void {
    if (this.#isBusy) this.#isBusy = !this.#options.goOn(always);
  }

  /** The connection is gone: what it said and nobody has begun on will be said again. */
  clear(): void {
    this.#messages = [];
    this.#taken = 0;
  }

  #slice(sliceMs: number): HasTime {
    const { clock } = this.#options.environment;
    const endMs = clock.monotonicMs() + sliceMs;
    return (stepMs = 0) => clock.monotonicMs() + stepMs < endMs;
  }

  #next(): ServerMessage | undefined {
    const message = this.#messages[this.#taken];
    if (message === undefined) {
      this.clear();
      this.#isBehind = false;
      return undefined;
    }
    this.#taken++;
    return this.#isBehind && message.type === 'batch' ? this.#merged(message) : message;
  }

  /** The batch with all that directly follow it. */
  #merged(first: BatchMessage): BatchMessage {
    let last = first;
    const [commits, outcomes] = [[...first.commits], [...first.outcomes]];
    for (let next = this.#messages[this.#taken]; next?.type === 'batch'; next = this.#messages[this.#taken]) {
      this.#taken++;
      commits.push(...next.commits);
      outcomes.push(...next.outcomes);
      last = next;
    }
    return last === first ? first : { ...last, commits, outcomes };
  }

  #askWake(): void {
    if (this.#wakeAsked) return;
    this.#wakeAsked = true;
    this.#options.environment.scheduler.after(0, () => {
      this.#wakeAsked = false;
      this.#options.wake();
    });
  }
}
