/**
 * What a database tells its owner, kept: what its reducers print, what they threw, and what happened to it. The newest
 * lines are in memory, and in the data folder as one JSON object a line, `NAME.diagnostics.ndjson`.
 *
 * Law: bounded on every side. A line is cut, memory has the newest only, and a file that has grown large becomes
 * `….1`, in the place of the one before it. Writing it never holds up a call; a full disk costs lines and nothing else.
 */

import { appendFileSync, closeSync, existsSync, fstatSync, openSync, readSync, renameSync, statSync } from 'node:fs';

export const levels = ['debug', 'info', 'warn', 'error'] as const;
export type Level = (typeof levels)[number];

export interface DiagnosticsLine {
  /** Microseconds since 1970. */
  readonly ts: number;
  readonly level: Level;
  /** The reducer that was running. */
  readonly reducer?: string;
  readonly message: string;
}

export const linesMax = 1_000;
const messageLengthMax = 16_384;
const fileBytesMax = 4 * 1024 * 1024;
const tailBytes = 256 * 1024;

// Taken before a reducer's guard can take them away: lines are written while reducers run.
const soon = setImmediate;
const monotonic = process.hrtime.bigint;
const originMicros = Date.now() * 1000 - Number(monotonic() / 1000n);

export class DatabaseDiagnostics {
  readonly #file: string | undefined;
  readonly #listeners = new Set<(line: DiagnosticsLine) => void>();
  #lines: DiagnosticsLine[];
  #unwritten = '';

  /** Without a file they go with the process. */
  constructor(file: string | undefined) {
    this.#file = file;
    this.#lines = file === undefined ? [] : storedLines(file);
  }

  write(level: Level, message: string, reducer?: string): void {
    const text = message.length > messageLengthMax ? `${message.slice(0, messageLengthMax)} …` : message;
    const ts = originMicros + Number(monotonic() / 1000n);
    const line = { ts, level, ...(reducer !== undefined && { reducer }), message: text };
    this.#lines.push(line);
    if (this.#lines.length > linesMax * 2) this.#lines = this.#lines.slice(-linesMax);
    for (const listener of this.#listeners) listener(line);
    if (this.#file === undefined) return;
    if (this.#unwritten === '') soon(() => this.flush());
    this.#unwritten += `${JSON.stringify(line)}\n`;
  }

  /** The newest lines, in order. */
  newest(count: number): readonly DiagnosticsLine[] {
    return count <= 0 ? [] : this.#lines.slice(-Math.min(count, linesMax));
  }

  /** Calls back with each line from here on. The result stops it. */
  follow(listener: (line: DiagnosticsLine) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  flush(): void {
    const text = this.#unwritten;
    this.#unwritten = '';
    if (this.#file === undefined || text === '') return;
    try {
      appendFileSync(this.#file, text, { mode: 0o600 });
      if (statSync(this.#file).size > fileBytesMax) renameSync(this.#file, `${this.#file}.1`);
    } catch {
      // Of a disk that is full people hear by the log of commits, which can't do without it.
    }
  }
}

/** The last lines of the file; what is no line of ours is passed over. */
function storedLines(file: string): DiagnosticsLine[] {
  if (!existsSync(file)) return [];
  const opened = openSync(file, 'r');
  try {
    const { size } = fstatSync(opened);
    const bytes = Buffer.alloc(Math.min(size, tailBytes));
    const read = readSync(opened, bytes, 0, bytes.length, size - bytes.length);
    const lines = bytes.toString('utf8', 0, read).split('\n');
    // The first one may be half a line.
    return lines
      .slice(size > bytes.length ? 1 : 0)
      .flatMap(parsedLine)
      .slice(-linesMax);
  } catch {
    return [];
  } finally {
    closeSync(opened);
  }
}

function parsedLine(text: string): DiagnosticsLine[] {
  try {
    const { ts, level, reducer, message } = JSON.parse(text);
    if (typeof ts !== 'number' || !levels.includes(level) || typeof message !== 'string') return [];
    return [{ ts, level, ...(typeof reducer === 'string' && { reducer }), message }];
  } catch {
    return [];
  }
}
