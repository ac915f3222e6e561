/** `forerun sql`: a query or a change of rows, or at a terminal one after the other. */

import { createInterface } from 'node:readline/promises';
import { Failure } from './failure.ts';
import type { RemoteOptions } from './program.ts';
import { Remote } from './remote.ts';
import { type Cell, harmless, print, styled, table } from './terminal.ts';

interface Result {
  readonly schema: { readonly elements: readonly { readonly name: { readonly some: string } }[] };
  readonly rows: readonly (readonly Cell[])[];
  /** Of a statement that changes rows. */
  readonly stats?: { readonly rows_inserted: number; readonly rows_updated: number; readonly rows_deleted: number };
}

export async function sql(query: string | undefined, options: RemoteOptions): Promise<void> {
  const remote = await Remote.find(options);
  if (query !== undefined) return ask(remote, query, options);
  if (process.stdin.isTTY) return converse(remote, options);
  let text = '';
  for await (const chunk of process.stdin.setEncoding('utf8')) text += chunk;
  return ask(remote, text, options);
}

async function ask(remote: Remote, query: string, { json }: RemoteOptions): Promise<void> {
  const [result] = (await (await remote.ask('/sql', query)).json()) as [Result];
  if (result.stats !== undefined) return print(json === true ? JSON.stringify(result.stats) : changed(result.stats));
  const columns = result.schema.elements.map(({ name }) => name.some);
  if (json === true) {
    const objects = result.rows.map((row) => Object.fromEntries(columns.map((name, at) => [name, row[at]])));
    return print(JSON.stringify(objects));
  }
  print(table(columns, result.rows));
  print(styled('dim', counted(result.rows.length)));
}

function changed({ rows_inserted, rows_updated, rows_deleted }: NonNullable<Result['stats']>): string {
  const counts = [
    [rows_inserted, 'inserted'],
    [rows_updated, 'updated'],
    [rows_deleted, 'deleted'],
  ] as const;
  const done = counts.filter(([count]) => count > 0).map(([count, what]) => `${counted(count)} ${what}`);
  return done.length === 0 ? 'nothing changed' : `${styled('green', '✓')} ${done.join(', ')}`;
}

function counted(rows: number): string {
  return `${rows} ${rows === 1 ? 'row' : 'rows'}`;
}

/** Until the end of the input. What is wrong with one query is said, and the next may follow. */
async function converse(remote: Remote, options: RemoteOptions): Promise<void> {
  print(styled('dim', 'Ends with ; — .tables shows the tables, .exit or Ctrl+D leaves.'));
  const prompt = `${remote.database}> `;
  const lines = createInterface({ input: process.stdin, output: process.stdout, prompt });
  let text = '';
  lines.prompt();
  for await (const line of lines) {
    text = text === '' ? line.trim() : `${text}\n${line}`;
    if (text === '.exit') break;
    if (text === '.tables') text = 'SELECT name AS "table" FROM sqlite_master WHERE type = \'table\' ORDER BY name;';
    if (text.endsWith(';')) {
      await ask(remote, text, options).catch((error: unknown) => {
        if (!(error instanceof Failure)) throw error;
        print(styled('red', harmless(error.message)));
      });
      text = '';
    }
    lines.setPrompt(text === '' ? prompt : `${' '.repeat(remote.database.length)}… `);
    lines.prompt();
  }
  lines.close();
}
