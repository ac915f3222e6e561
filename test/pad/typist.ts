/**
 * Types one author's part of a recording through a client. An edit is made when its turn has come (`due`: the recording's
 * order is its pace, so that people type at the same time as they did then) and what its author had seen is here.
 */

import type { Client } from '../../worker/client/client.ts';
import type * as pad from '../../demo/pad/module.ts';
import { type ChunkRow, type NodeRow, textOf } from '../../demo/pad/text.ts';
import type { RecordedEdit, Recording } from './recording.ts';

/** Calls that wait for an answer at most, so that memory has a bound. */
const pendingMax = 2_000;

type AuthorRow = { readonly id: number; readonly edits: number };

export class Typist {
  readonly #client: Client<typeof pad>;
  readonly #agent: number;
  readonly #edits: readonly (RecordedEdit & { readonly turn: number })[];
  /** The last edit of each author that is in the rows here. */
  readonly #known = new Map<number, number>();
  readonly #done = Promise.withResolvers<void>();
  #due = 0;
  #next = 0;
  #answered = 0;
  #isTyping = false;

  constructor(client: Client<typeof pad>, { edits }: Recording, agent: number) {
    this.#client = client;
    this.#agent = agent;
    this.#edits = edits.map((edit, turn) => ({ ...edit, turn })).filter((edit) => edit.agent === agent);
    const learn = ({ id, edits: last }: AuthorRow): void => {
      this.#known.set(id, last);
      this.type();
    };
    client.tables.author.onInsert(learn);
    client.tables.author.onUpdate((_, row) => learn(row));
  }

  /** Resolves when the authority has answered every edit; rejects with the first refusal. */
  get done(): Promise<void> {
    return this.#done.promise;
  }

  async text(): Promise<string> {
    const { tables } = this.#client;
    const [nodes, chunks] = [this.#client.live<NodeRow>(tables.node), this.#client.live<ChunkRow>(tables.chunk)];
    const text = textOf(await nodes.ready(), await chunks.ready());
    for (const rows of [nodes, chunks]) rows.close();
    return text;
  }

  /** The recording's edits before this one may be made. */
  due(turn: number): void {
    this.#due = turn;
    this.type();
  }

  /** In process a call is in the rows before it returns, and leads here again. */
  type(): void {
    if (this.#isTyping) return;
    this.#isTyping = true;
    try {
      this.#typeWhatIsDue();
    } finally {
      this.#isTyping = false;
    }
  }

  #typeWhatIsDue(): void {
    for (; this.#next < this.#edits.length && this.#next - this.#answered < pendingMax; this.#next++) {
      const edit = this.#edits[this.#next];
      if (edit === undefined || edit.turn >= this.#due) return;
      const others = edit.seen
        .map((count, agent) => ({ author: agent + 1, edit: count }))
        .filter(({ author }) => author !== this.#agent + 1);
      if (others.some(({ author, edit: count }) => (this.#known.get(author) ?? 0) < count)) return;
      this.#client.reducers
        .write({ author: this.#agent + 1, edit: edit.edit, seen: others, changes: [...edit.changes] })
        .then(() => this.#answer(), this.#done.reject);
    }
  }

  #answer(): void {
    this.#answered++;
    if (this.#answered === this.#edits.length) this.#done.resolve();
    else this.type();
  }
}
