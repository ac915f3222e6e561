/**
 * What is printed: colours only where a person looks, and tables no wider than the terminal.
 *
 * Law: a text that comes from rows, modules or users reaches a terminal without the characters that it would obey.
 */

import truncatedWidth from 'fast-string-truncated-width';
import { styleText } from 'node:util';

type Style = Parameters<typeof styleText>[0];

/** Plain where the stream is no terminal, or NO_COLOR is set. */
export function styled(style: Style, text: string, stream: NodeJS.WriteStream = process.stdout): string {
  return styleText(style, text, { stream });
}

export function print(text: string): void {
  process.stdout.write(`${text}\n`);
}

/** Control characters, and those that turn the direction of writing: both could show something that is not there. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
const obeyed = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]/g;

/** The text with pictures in the place of characters that a terminal obeys; lines and tabs stay. */
export function harmless(text: string): string {
  return text.replaceAll(obeyed, (character) => {
    const code = character.charCodeAt(0);
    return code < 0x20 ? String.fromCharCode(0x2400 + code) : code === 0x7f ? '\u2421' : '\ufffd';
  });
}

/**
 * Lines of prose, broken between words where a terminal ends; a line that begins with a space is someone else's text, and
 * stays. Anywhere else than at a terminal nothing is broken.
 */
export function wrapped(text: string, stream: NodeJS.WriteStream = process.stdout): string {
  if (!stream.isTTY) return text;
  const width = stream.columns;
  return text
    .split('\n')
    .map((line) =>
      line.startsWith(' ') ? line : line.replaceAll(new RegExp(`(?=.{${width + 1}})(.{1,${width}}) +`, 'g'), '$1\n'),
    )
    .join('\n');
}

export type Cell = string | number | boolean | null;

const columnWidthMin = 6;
const gap = '  ';

/** Left-aligned text and right-aligned numbers; too wide cells are cut, the widest columns first. */
export function table(
  columns: readonly string[],
  rows: readonly (readonly Cell[])[],
  width: number = terminalWidth(),
): string {
  const texts = rows.map((row) => columns.map((_, at) => cellText(row[at] ?? null)));
  const isNumber = columns.map((_, at) => rows.length > 0 && rows.every((row) => typeof row[at] === 'number'));
  const names = columns.map(cellText);
  const wanted = names.map((name, at) =>
    texts.reduce((widest, row) => Math.max(widest, widthOf(row[at] ?? '')), Math.max(widthOf(name), 1)),
  );
  const widths = fitted(wanted, width - gap.length * (columns.length - 1));
  const line = (cells: readonly string[]): string =>
    cells
      .map((text, at) => {
        const room = widths[at] ?? 0;
        const cut = fitting(text, room);
        const rest = ' '.repeat(Math.max(0, room - widthOf(cut)));
        return isNumber[at] === true ? rest + cut : cut + rest;
      })
      .join(gap)
      .trimEnd();
  return [
    styled('bold', line(names)),
    styled('dim', widths.map((room) => '─'.repeat(room)).join(gap)),
    ...texts.map(line),
  ].join('\n');
}

/** Takes from the widest until all fit, or none can be narrower. */
function fitted(wanted: readonly number[], room: number): number[] {
  const widths = [...wanted];
  let sum = widths.reduce((total, each) => total + each, 0);
  while (sum > room) {
    const widest = widths.indexOf(Math.max(...widths));
    if ((widths[widest] ?? 0) <= columnWidthMin) break;
    widths[widest] = (widths[widest] ?? 0) - 1;
    sum--;
  }
  return widths;
}

function cellText(value: Cell): string {
  if (value === null) return '–';
  return harmless(String(value).replaceAll(/\s+/g, ' '));
}

/** In columns of the terminal: wide characters take two. */
function widthOf(text: string): number {
  return truncatedWidth(text).width;
}

function fitting(text: string, room: number): string {
  const { index, truncated } = truncatedWidth(text, { limit: room, ellipsis: '…', ellipsisWidth: 1 });
  return truncated ? `${text.slice(0, index)}…` : text;
}

/** Whoever reads it from a file or another program gets whole lines. */
function terminalWidth(): number {
  return process.stdout.isTTY ? process.stdout.columns : Number.POSITIVE_INFINITY;
}
