/**
 * Ties a CodeMirror editor to the pad's rows: what is typed becomes calls, what others write becomes changes of the
 * editor, which its undo leaves alone.
 *
 * Law: while no call is on its way to the replica, the editor shows exactly the predicted text. While one is, the editor
 * is ahead of the replica, and what others have written waits: some milliseconds, or without prediction until the answer.
 */

import {
  Annotation,
  type AnnotationType,
  type ChangeSet,
  type Extension,
  type Text,
  Transaction,
} from '@codemirror/state';
import { EditorView } from '@codemirror/view';
import type { Client, LiveRows } from 'forerun/client';
import { changedStretches, type Difference, trimmed } from './differences.ts';
import { type Change, editsOf } from './edits.ts';
import type * as pad from './module.ts';
import { type ChunkRow, chunksInOrder, type NodeRow } from './text.ts';

/** Edits of others after which everyone is told that they were read. */
const editsPerReading = 200;

/** On changes that come from the rows. */
export const fromRows: AnnotationType<boolean> = Annotation.define<boolean>();

export interface PadLinkEvents {
  readonly refused: (reason: string) => void;
}

export class PadLink {
  /** Of this editor, drawn anew with each. */
  readonly author: number = crypto.getRandomValues(new Uint32Array(1))[0] || 1;
  readonly extension: Extension;
  readonly #client: Client<typeof pad>;
  readonly #events: PadLinkEvents;
  readonly #chunks: LiveRows<ChunkRow>;
  readonly #nodes: LiveRows<NodeRow>;
  readonly #authors: LiveRows<{ readonly id: number; readonly edits: number }>;
  readonly #stops: (() => void)[];
  #view: EditorView | undefined;
  /** As of the last time that the editor showed what the rows say, and what was typed since. */
  #shown: readonly ChunkRow[] = [];
  #typed: ChangeSet | undefined;
  /** Edits of others in the text that the editor shows. */
  #seen: { readonly author: number; readonly edit: number }[] = [];
  #edits = 0;
  #editsOfOthers = 0;
  #editsRead = 0;
  #unpredicted = 0;
  #isSyncDue = false;

  constructor(client: Client<typeof pad>, events: PadLinkEvents) {
    this.#client = client;
    this.#events = events;
    this.#chunks = client.live(client.tables.chunk);
    this.#nodes = client.live(client.tables.node);
    this.#authors = client.live(client.tables.author);
    const queries = [this.#chunks, this.#nodes, this.#authors];
    this.#stops = queries.flatMap((rows) => [rows.subscribe(() => this.#syncSoon()), rows.close]);
    this.extension = EditorView.updateListener.of(({ transactions }) => {
      for (const transaction of transactions) {
        if (!transaction.docChanged || transaction.annotation(fromRows) === true) continue;
        this.#write(transaction.changes, transaction.startState.doc, transaction.newDoc);
      }
    });
  }

  attach(view: EditorView): void {
    this.#view = view;
    this.#syncSoon();
  }

  close(): void {
    for (const stop of this.#stops) stop();
    this.#view = undefined;
  }

  #write(changes: ChangeSet, before: Text, after: Text): void {
    this.#typed = this.#typed?.compose(changes) ?? changes;
    for (const part of editsOf(changes, before, after)) this.#call(part);
  }

  #call(changes: Change[]): void {
    const call = this.#client.reducers.write({ author: this.author, edit: ++this.#edits, seen: this.#seen, changes });
    this.#unpredicted++;
    const settled = (): void => {
      this.#unpredicted--;
      this.#syncSoon();
    };
    call.predicted.then(({ type }) => (type === 'unpredicted' ? call.then(settled, settled) : settled()), settled);
    call.then(undefined, (error: unknown) => {
      this.#events.refused(error instanceof Error ? error.message : String(error));
      this.#syncSoon();
    });
  }

  /** Queries of one step change one after the other: the text is put together when all have. */
  #syncSoon(): void {
    if (this.#isSyncDue) return;
    this.#isSyncDue = true;
    queueMicrotask(() => {
      this.#isSyncDue = false;
      this.#sync();
    });
  }

  #sync(): void {
    const view = this.#view;
    if (view === undefined || this.#unpredicted > 0 || !this.#nodes.isReady || !this.#chunks.isReady) return;
    const next = chunksInOrder(this.#nodes.rows, this.#chunks.rows);
    const typed = this.#typed;
    const changes = changedStretches(this.#shown, next).flatMap(({ from, to, insert }) => {
      // What was typed here is in the editor already.
      const [start, end] = [typed?.mapPos(from, -1) ?? from, typed?.mapPos(to, 1) ?? to];
      return trimmed(start, view.state.sliceDoc(start, end), insert) ?? [];
    });
    this.#shown = next;
    this.#typed = undefined;
    this.#learn();
    show(view, changes);
    // Nothing is known to lead here; a text that is not the rows' would stay wrong for good.
    const length = next.reduce((sum, { text }) => sum + text.length, 0);
    if (view.state.doc.length !== length) {
      const whole = trimmed(0, view.state.doc.toString(), next.map(({ text }) => text).join(''));
      show(view, whole === undefined ? [] : [whole]);
    }
  }

  /** Whom the editor's text contains, and now and then tells the others. */
  #learn(): void {
    const others = this.#authors.rows.filter(({ id, edits }) => id !== this.author && edits > 0);
    this.#seen = others.map(({ id, edits }) => ({ author: id, edit: edits }));
    this.#editsOfOthers = others.reduce((sum, { edits }) => sum + edits, 0);
    if (this.#editsOfOthers - this.#editsRead < editsPerReading) return;
    this.#editsRead = this.#editsOfOthers;
    this.#client.reducers.read({ author: this.author, edit: this.#edits, seen: this.#seen }).then(undefined, () => {});
  }
}

function show(view: EditorView, changes: readonly Difference[]): void {
  if (changes.length === 0) return;
  view.dispatch({ changes, annotations: [fromRows.of(true), Transaction.addToHistory.of(false)] });
}
