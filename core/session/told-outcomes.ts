/** Outcomes on their way to a session: out of a batch they become bytes without becoming objects first. */

import type { BatchCalls } from '../authority/batch-calls.ts';
import type { ByteWriter } from '../codec/bytes.ts';
import type { Outcome, Seq } from '../commit/call.ts';
import { encodeOutcome } from '../protocol/frame.ts';

export interface ToldOutcomes {
  readonly count: number;
  /** As a message has them, without their count. */
  readonly write: (writer: ByteWriter, lastSeq: Seq) => void;
  readonly list: () => readonly Outcome[];
}

/** Of a session's own calls in a batch: good while the batch is announced. */
export class OwnOutcomes implements ToldOutcomes {
  readonly #calls: BatchCalls;
  /** From and to, by turns. */
  readonly #rows: number[];
  count: number;

  constructor(calls: BatchCalls, from: number, to: number) {
    this.#calls = calls;
    this.#rows = [from, to];
    this.count = to - from;
  }

  add(from: number, to: number): void {
    this.#rows.push(from, to);
    this.count += to - from;
  }

  write(writer: ByteWriter, lastSeq: Seq): void {
    const calls = this.#calls;
    for (let row = 0; row < this.#rows.length; row += 2) {
      const to = this.#rows[row + 1] as number;
      for (let i = this.#rows[row] as number; i < to; i++) {
        const settled = calls.settled(i);
        if (typeof settled !== 'number' || settled <= 0) encodeOutcome(writer, calls.outcome(i), lastSeq);
        else {
          writer.varint(calls.callId(i));
          writer.u8(0);
          writer.varint(lastSeq - settled);
        }
      }
    }
  }

  list(): readonly Outcome[] {
    const outcomes: Outcome[] = [];
    for (let row = 0; row < this.#rows.length; row += 2)
      for (let i = this.#rows[row] as number; i < (this.#rows[row + 1] as number); i++)
        outcomes.push(this.#calls.outcome(i));
    return outcomes;
  }
}

export function toldOutcomes(outcomes: readonly Outcome[]): ToldOutcomes {
  return {
    count: outcomes.length,
    write: (writer, lastSeq) => {
      for (const outcome of outcomes) encodeOutcome(writer, outcome, lastSeq);
    },
    list: () => outcomes,
  };
}

export const noOutcomes: ToldOutcomes = toldOutcomes([]);
