/**
 * A chunk's text and runs, and what may be done to them: pure functions, the same on the server and in the page.
 *
 * Law: an edit is placed in the text as its author saw it. Who has not seen an insertion counts it as nothing; who has
 * not seen a deletion goes on counting what it took. So no position is ever translated, and concurrent edits give the
 * same text in whatever order they come, but for insertions at the very same place.
 */

import type { RowOf } from 'forerun';
import type { PadTables } from './tables.ts';

export type Piece = Omit<RowOf<PadTables['chunk']>, 'id'>;
type Run = Piece['runs'][number];
export type Label = Run['by'];

/** Whether somebody has seen the edit of this label. */
export type View = (label: Label) => boolean;

const everyone: Label = { author: 0, edit: 0 };

/** How long a piece is in somebody's eyes. */
export function lengthIn(piece: Piece, view: View): number {
  if (piece.runs.length === 0) return piece.text.length;
  return piece.runs.reduce((length, run) => length + (sees(view, run) ? run.length : 0), 0);
}

/** Whether somebody may see another length of it than others. */
export function isOpen(piece: Piece): boolean {
  return piece.runs.length > 0;
}

/** Inserts right behind the letter that stands before `offset` in the author's eyes. */
export function inserted(piece: Piece, view: View, offset: number, by: Label, text: string): Piece {
  const runs: Run[] = [];
  const insertion: Run = { length: text.length, by, gone: [] };
  let toPass = offset;
  let place: number | undefined;
  let passed = 0;
  for (const run of runsOf(piece)) {
    const shown = sees(view, run) ? run.length : 0;
    if (place === undefined && toPass < Math.max(1, shown)) {
      const head = isShown(run) ? before(piece.text, passed + toPass) - passed : toPass;
      runs.push(...part(run, 0, head), insertion, ...part(run, head, run.length));
      place = passed + (isShown(run) ? head : 0);
    } else {
      runs.push(run);
      toPass -= place === undefined ? shown : 0;
    }
    if (isShown(run)) passed += run.length;
  }
  if (place === undefined) {
    runs.push(insertion);
    place = passed;
  }
  return tidied(piece.text.slice(0, place) + text + piece.text.slice(place), runs);
}

/** Deletes up to `count` of the letters that the author sees from `offset` on. `taken`: how many there were. */
export function deleted(
  piece: Piece,
  view: View,
  offset: number,
  count: number,
  by: Label,
): { readonly piece: Piece; readonly taken: number } {
  const runs: Run[] = [];
  let text = '';
  let toPass = offset;
  let toTake = count;
  let passed = 0;
  for (const run of runsOf(piece)) {
    const shown = sees(view, run) ? run.length : 0;
    const from = Math.min(toPass, shown);
    const to = Math.min(from + toTake, shown);
    toPass -= from;
    toTake -= to - from;
    const isCut = from < to && isShown(run);
    const first = isCut ? before(piece.text, passed + from) - passed : from;
    const last = isCut ? behind(piece.text, passed + to) - passed : to;
    if (first === last) {
      runs.push(run);
      if (isShown(run)) text += piece.text.slice(passed, passed + run.length);
    } else {
      const [middle] = part(run, first, last);
      runs.push(...part(run, 0, first));
      if (middle !== undefined) runs.push({ ...middle, gone: [...middle.gone, by] });
      runs.push(...part(run, last, run.length));
      if (isShown(run))
        text += piece.text.slice(passed, passed + first) + piece.text.slice(passed + last, passed + run.length);
    }
    if (isShown(run)) passed += run.length;
  }
  return { piece: tidied(text, runs), taken: count - toTake };
}

/** Forgets the labels that everyone has seen, and what everyone has seen deleted. */
export function settled(piece: Piece, isSeenByAll: View): Piece {
  const runs: Run[] = [];
  for (const run of piece.runs) {
    if (run.gone.some(isSeenByAll)) continue;
    runs.push(isSeenByAll(run.by) ? { ...run, by: everyone } : run);
  }
  return tidied(piece.text, runs);
}

/** Two that stand beside each other, as one. */
export function joined(left: Piece, right: Piece): Piece {
  return tidied(left.text + right.text, [...runsOf(left), ...runsOf(right)]);
}

/** In parts of at most so many letters and so many runs. */
export function split(piece: Piece, lettersMax: number, runsMax: number): Piece[] {
  if (piece.text.length <= lettersMax && piece.runs.length <= runsMax) return [piece];
  const parts: Piece[] = [];
  let runs: Run[] = [];
  let text = '';
  let passed = 0;
  const end = (): void => {
    parts.push(tidied(text, runs));
    runs = [];
    text = '';
  };
  // Half full, so that there is room to write in each.
  for (const run of runsOf(piece)) {
    for (let from = 0; from < run.length; ) {
      const room = isShown(run) ? lettersMax / 2 - text.length : run.length;
      const rest = run.length - from;
      const cut = before(piece.text, passed + from + Math.max(2, Math.floor(room)));
      const length = rest <= room ? rest : cut - passed - from;
      runs.push(...part(run, from, from + length));
      if (isShown(run)) text += piece.text.slice(passed + from, passed + from + length);
      from += length;
      if (text.length >= lettersMax / 2 - 1 || runs.length >= runsMax / 2) end();
    }
    if (isShown(run)) passed += run.length;
  }
  if (runs.length > 0) end();
  return parts;
}

function runsOf({ text, runs }: Piece): readonly Run[] {
  return runs.length > 0 || text === '' ? runs : [{ length: text.length, by: everyone, gone: [] }];
}

/** In the eyes of someone who has seen everything. */
function isShown(run: Run): boolean {
  return run.gone.length === 0;
}

function sees(view: View, { by, gone }: Run): boolean {
  return view(by) && !gone.some(view);
}

function part(run: Run, from: number, to: number): Run[] {
  return to > from ? [{ ...run, length: to - from }] : [];
}

/** A place in the text, moved where it would cut a pair of surrogates in two. */
function before(text: string, place: number): number {
  return cutsPair(text, place) ? place - 1 : place;
}

function behind(text: string, place: number): number {
  return cutsPair(text, place) ? place + 1 : place;
}

function cutsPair(text: string, place: number): boolean {
  return (text.charCodeAt(place - 1) & 0xfc00) === 0xd800 && (text.charCodeAt(place) & 0xfc00) === 0xdc00;
}

/** Neighbours of one kind become one run, and a piece about which all agree needs none. */
function tidied(text: string, runs: readonly Run[]): Piece {
  const kept: Run[] = [];
  for (const run of runs) {
    const last = kept.at(-1);
    if (last !== undefined && isSame(last, run)) kept[kept.length - 1] = { ...last, length: last.length + run.length };
    else kept.push(run);
  }
  const [only] = kept;
  const isAgreed = only === undefined || (kept.length === 1 && only.by.author === 0 && isShown(only));
  return { text, runs: isAgreed ? [] : kept };
}

function isSame(one: Run, other: Run): boolean {
  return (
    isEqual(one.by, other.by) &&
    one.gone.length === other.gone.length &&
    one.gone.every((label, i) => isEqual(label, other.gone[i] ?? everyone))
  );
}

function isEqual(one: Label, other: Label): boolean {
  return one.author === other.author && one.edit === other.edit;
}
