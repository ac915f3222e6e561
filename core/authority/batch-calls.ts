/**
 * What came of the calls of a batch, in their order, as numbers rather than objects. Whoever makes many calls makes them
 * in a row, and most of what there is to say of a call is said once for its row.
 */

import type { CallId, Outcome } from '../commit/call.ts';
import { type ClientRecord, outcomeOf, type Settled } from './clients.ts';

export class BatchCalls {
  readonly #callIds: number[] = [];
  readonly #settled: Settled[] = [];
  /** Of each row of calls of one client: where it begins, whose it is, and the client's last call before it. */
  readonly #starts: number[] = [];
  readonly #clients: ClientRecord[] = [];
  readonly #previous: number[] = [];
  #lastClient: ClientRecord | undefined;

  get length(): number {
    return this.#callIds.length;
  }

  /** Settles a call with its client too. */
  settle(client: ClientRecord, callId: CallId, settled: Settled): void {
    if (client !== this.#lastClient) {
      this.#lastClient = client;
      this.#starts.push(this.#callIds.length);
      this.#clients.push(client);
      this.#previous.push(client.lastCallId);
    }
    this.#callIds.push(callId);
    this.#settled.push(settled);
    client.settle(callId, settled);
  }

  /** Takes all of it back from the clients, the last call first. */
  unsettle(): void {
    for (let row = this.#starts.length - 1; row >= 0; row--) {
      const client = this.#clients[row] as ClientRecord;
      const from = this.#starts[row] as number;
      for (let i = this.#end(row) - 1; i >= from; i--) {
        const previous = i === from ? this.#previous[row] : this.#callIds[i - 1];
        client.unsettle(this.#callIds[i] as number, previous as number);
      }
    }
  }

  callId(index: number): CallId {
    return this.#callIds[index] as CallId;
  }

  settled(index: number): Settled {
    return this.#settled[index] as Settled;
  }

  outcome(index: number): Outcome {
    return outcomeOf(this.callId(index), this.settled(index));
  }

  /** Each row of calls of one client, from the first to before the last index; a client may have several. */
  eachRow(visit: (client: ClientRecord, from: number, to: number) => void): void {
    for (let row = 0; row < this.#starts.length; row++)
      visit(this.#clients[row] as ClientRecord, this.#starts[row] as number, this.#end(row));
  }

  outcomesOf(client: ClientRecord): Outcome[] {
    const outcomes: Outcome[] = [];
    this.eachRow((of, from, to) => {
      if (of === client) for (let i = from; i < to; i++) outcomes.push(this.outcome(i));
    });
    return outcomes;
  }

  /** The first call of this client, if there is one. */
  firstOf(client: ClientRecord): CallId | undefined {
    const row = this.#clients.indexOf(client);
    return row < 0 ? undefined : this.callId(this.#starts[row] as number);
  }

  #end(row: number): number {
    return this.#starts[row + 1] ?? this.length;
  }
}
