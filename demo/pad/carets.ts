/** Cursors and selections of the others, in the editor; and the own one, for theirs. */

import { type Extension, type Range, StateEffect, StateField } from '@codemirror/state';
import { Decoration, type DecorationSet, EditorView, ViewPlugin, type ViewUpdate, WidgetType } from '@codemirror/view';
import type { Client, LiveRows } from 'forerun/client';
import type * as pad from './module.ts';

export interface Caret {
  readonly author: number;
  readonly name: string;
  readonly anchor: number;
  readonly head: number;
}

/** A cursor that moves on and on is told so often. */
const pointEveryMs = 80;
const hues = [262, 18, 145, 330, 200, 75];

const show = StateEffect.define<readonly Caret[]>();

/** Between two messages cursors move with the text around them. */
const shown = StateField.define<DecorationSet>({
  create: () => Decoration.none,
  update: (carets, transaction) => {
    const moved = carets.map(transaction.changes);
    return transaction.effects.reduce(
      (_, effect) => (effect.is(show) ? decorations(effect.value, transaction.newDoc.length) : _),
      moved,
    );
  },
  provide: (field) => EditorView.decorations.from(field),
});

/** `author`: whose editor this is. */
export function carets(client: Client<typeof pad>, author: number, name: string): Extension {
  const plugin = ViewPlugin.define((view) => new Carets(view, client, author, name));
  return [shown, plugin];
}

/** A colour for somebody, the same in every page. */
export function colourOf(author: number): string {
  return `oklch(var(--caret-tone) ${hues[author % hues.length]})`;
}

class Carets {
  readonly #view: EditorView;
  readonly #client: Client<typeof pad>;
  readonly #author: number;
  readonly #name: string;
  readonly #rows: LiveRows<Caret>;
  readonly #stop: () => void;
  #told = '';
  #timer: ReturnType<typeof setTimeout> | undefined;
  #isDue = false;

  constructor(view: EditorView, client: Client<typeof pad>, author: number, name: string) {
    this.#view = view;
    this.#client = client;
    this.#author = author;
    this.#name = name;
    this.#rows = client.live(client.tables.caret);
    this.#stop = this.#rows.subscribe(() => this.#showSoon());
  }

  update({ selectionSet, docChanged, focusChanged }: ViewUpdate): void {
    if ((selectionSet || docChanged || focusChanged) && this.#view.hasFocus) this.#tell();
  }

  destroy(): void {
    this.#stop();
    this.#rows.close();
    clearTimeout(this.#timer);
  }

  /** Rows may come while the editor is being updated. */
  #showSoon(): void {
    if (this.#isDue) return;
    this.#isDue = true;
    // Behind the text's own changes, which wait for a microtask as well.
    setTimeout(() => {
      this.#isDue = false;
      const others = this.#rows.rows.filter(({ author }) => author !== this.#author);
      this.#view.dispatch({ effects: show.of(others) });
    });
  }

  #tell(): void {
    if (this.#timer !== undefined) return;
    this.#timer = setTimeout(() => {
      this.#timer = undefined;
      const { anchor, head } = this.#view.state.selection.main;
      const where = `${anchor} ${head}`;
      if (where === this.#told || this.#client.status.type !== 'live') return;
      this.#told = where;
      this.#client.reducers.point({ author: this.#author, name: this.#name, anchor, head }).then(undefined, () => {});
    }, pointEveryMs);
  }
}

function decorations(rows: readonly Caret[], length: number): DecorationSet {
  const ranges: Range<Decoration>[] = [];
  for (const { author, name, anchor, head } of rows) {
    const [from, to] = [Math.min(anchor, head, length), Math.min(Math.max(anchor, head), length)];
    const colour = colourOf(author);
    if (to > from)
      ranges.push(
        Decoration.mark({ attributes: { class: 'others-selection', style: `--who: ${colour}` } }).range(from, to),
      );
    ranges.push(Decoration.widget({ widget: new CaretWidget(name, colour), side: 1 }).range(Math.min(head, length)));
  }
  return Decoration.set(ranges, true);
}

class CaretWidget extends WidgetType {
  readonly #name: string;
  readonly #colour: string;

  constructor(name: string, colour: string) {
    super();
    this.#name = name;
    this.#colour = colour;
  }

  override eq(other: CaretWidget): boolean {
    return other.#name === this.#name && other.#colour === this.#colour;
  }

  override toDOM(): HTMLElement {
    const caret = document.createElement('span');
    caret.className = 'others-caret';
    caret.style.setProperty('--who', this.#colour);
    caret.dataset['name'] = this.#name;
    caret.setAttribute('aria-hidden', 'true');
    return caret;
  }
}
