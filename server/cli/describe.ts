/** `forerun describe`: the module that runs. */

import type { RemoteOptions } from './program.ts';
import { Remote } from './remote.ts';
import { print, styled } from './terminal.ts';

/** What a server tells of its module. */
export interface Schema {
  readonly tables: readonly {
    readonly name: string;
    readonly access: string;
    readonly event?: boolean;
    readonly ephemeral?: boolean;
    readonly columns: readonly { name: string; type: string; primary_key?: boolean; auto_inc?: boolean }[];
    readonly indexes: readonly { columns: readonly string[]; unique?: boolean }[];
  }[];
  readonly reducers: readonly {
    readonly name: string;
    readonly params: readonly { name: string; type: string }[];
    readonly lifecycle?: string;
    readonly scheduled?: string;
    readonly predicted: boolean;
  }[];
  readonly views: readonly { readonly name: string; readonly columns: readonly { name: string; type: string }[] }[];
}

export async function describe(options: RemoteOptions): Promise<void> {
  const remote = await Remote.find(options);
  const response = await remote.ask('/schema');
  if (options.json === true) return print(await response.text());
  const { tables, views, reducers } = (await response.json()) as Schema;
  for (const table of tables) printTable(table);
  for (const { name, columns } of views) printTable({ name, access: 'view', columns, indexes: [] });
  if (reducers.length > 0) print(styled('bold', 'reducers'));
  for (const reducer of reducers) {
    const params = reducer.params.map(({ name, type }) => `${name}: ${type}`).join(', ');
    const notes = [
      reducer.lifecycle,
      reducer.scheduled !== undefined && `scheduled by ${reducer.scheduled}`,
      !reducer.predicted && 'not predicted',
    ].filter((note) => typeof note === 'string');
    print(`  ${reducer.name}(${params})${notes.length === 0 ? '' : styled('dim', `  ${notes.join(', ')}`)}`);
  }
}

function printTable({ name, access, event, ephemeral, columns, indexes }: Schema['tables'][number]): void {
  const kinds = [access, event === true && 'event', ephemeral === true && 'ephemeral'].filter(Boolean).join(', ');
  print(`${styled('bold', name)}  ${styled('dim', kinds)}`);
  const room = Math.max(...columns.map((column) => column.name.length));
  for (const column of columns) {
    const notes = [column.primary_key === true && 'primary key', column.auto_inc === true && 'autoInc'].filter(Boolean);
    print(
      `  ${column.name.padEnd(room)}  ${column.type}${notes.length === 0 ? '' : styled('dim', `  ${notes.join(', ')}`)}`,
    );
  }
  for (const index of indexes)
    print(styled('dim', `  ${index.unique === true ? 'unique' : 'index'} on ${index.columns.join(', ')}`));
  print('');
}
