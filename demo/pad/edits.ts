/**
 * What is typed, as the module takes it: changes one after the other, in parts that are one call each.
 *
 * Law: an editor may replace half of a pair of surrogates, which is half an emoji; what the module is given is whole ones.
 */

import type { ChangeSet, Text } from '@codemirror/state';

/** Places are UTF-16 units of the text as the changes before have left it. */
export interface Change {
  readonly at: number;
  readonly remove: number;
  readonly insert: string;
}

/** One call of the module takes no more at once. */
const insertLengthMax = 32_768;
const changesMax = 500;

/** `before` and `after`: the editor's text. */
export function editsOf(changes: ChangeSet, before: Text, after: Text): Change[][] {
  const parts: Change[][] = [];
  let length = 0;
  const add = (change: Change): void => {
    const part = parts.at(-1);
    length += change.insert.length;
    if (part !== undefined && length <= insertLengthMax && part.length < changesMax) part.push(change);
    else {
      parts.push([change]);
      length = change.insert.length;
    }
  };
  changes.iterChanges((fromA, toA, fromB, toB) => {
    const start = cutsPair(before, fromA) || cutsPair(after, fromB) ? 1 : 0;
    const end = cutsPair(before, toA) || cutsPair(after, toB) ? 1 : 0;
    let remove = toA - fromA + start + end;
    for (let at = fromB - start; ; remove = 0) {
      const most = Math.min(at + insertLengthMax, toB + end);
      const to = cutsPair(after, most) ? most - 1 : most;
      add({ at, remove, insert: after.sliceString(at, to) });
      if (to >= toB + end) break;
      at = to;
    }
  });
  return parts;
}

function cutsPair(text: Text, place: number): boolean {
  return /^[\ud800-\udbff][\udc00-\udfff]$/.test(text.sliceString(Math.max(0, place - 1), place + 1));
}
