/** What is printed: colours only where a person looks, and tables no wider than the terminal. */

import { styleText } from 'node:util';

type Style = Parameters<typeof styleText>[0];

/** Plain where the stream is no terminal, or NO_COLOR is set. */
export function styled(style: Style, text: string, stream: NodeJS.WriteStream = process.stdout): string {
  return styleText(style, text, { stream });
}

export function print(text: string): void {
  process.stdout.write(`${text}\n`);
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
  const wanted = columns.map((name, at) => Math.max(name.length, 1, ...texts.map((row) => row[at]?.length ?? 0)));
  const widths = fitted(wanted, width - gap.length * (columns.length - 1));
  const line = (cells: readonly string[]): string =>
    cells
      .map((text, at) => {
        const room = widths[at] ?? 0;
        const cut = text.length > room ? `${text.slice(0, room - 1)}…` : text;
        return isNumber[at] === true ? cut.padStart(room) : cut.padEnd(room);
      })
      .join(gap)
      .trimEnd();
  return [
    styled('bold', line(columns)),
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
  return String(value).replaceAll(/\s+/g, ' ');
}

/** Whoever reads it from a file or another program gets whole lines. */
function terminalWidth(): number {
  return process.stdout.isTTY ? process.stdout.columns : Number.POSITIVE_INFINITY;
}
