/** `forerun backup`, `restore` and `check`: on the data folder itself, whether a server runs or not. */

import { existsSync } from 'node:fs';
import { join, relative, resolve } from 'node:path';
import { backupDatabase, restoreDatabase } from '../log/backup.ts';
import { checkDatabase, type DatabaseReport } from '../log/check.ts';
import { filesIn } from '../log/data-folder.ts';
import { exitCodes, Failure } from './failure.ts';
import { type DatabaseOptions, databaseFolder, defaultData, defaultDatabase, findProject } from './project.ts';
import { print, styled } from './terminal.ts';

export type DataOptions = Pick<DatabaseOptions, 'data' | 'database'> & { readonly json?: boolean };

/** Of a running database as of one moment; neither calls nor the log wait. */
export function backup(to: string | undefined, options: DataOptions): void {
  const { folder, database } = databaseFolder(options);
  const path = resolve(to ?? `${database}-${new Date().toISOString().slice(0, 19).replaceAll(':', '')}.backup`);
  const report = backupDatabase({ data: folder, name: database, to: path });
  if (options.json === true) return print(JSON.stringify(plain(report)));
  print(`${styled('green', '✓')} ${relative('', path)}: ${counted(report)}, as of commit ${report.seq}`);
  print(styled('dim', 'It holds the key of the tokens: keep it as you keep the data folder.'));
}

export function restore(from: string, options: DataOptions): void {
  const path = resolve(from);
  if (!existsSync(path)) throw new Failure(`There is no backup ${from}.`);
  const { folder, database } = placeToRestore(options);
  const { report, movedTo } = restoreDatabase({ data: folder, name: database, from: path });
  if (options.json === true) return print(JSON.stringify({ ...plain(report), moved_to: movedTo ?? null }));
  print(`${styled('green', '✓')} ${database}: ${counted(report)}, as of commit ${report.seq}`);
  if (movedTo !== undefined) print(`What was there is now ${relative('', movedTo)}.`);
}

/** Fails when something is damaged, after telling each part. */
export function check(file: string | undefined, options: DataOptions): void {
  const path = file === undefined ? ownFile(options) : resolve(file);
  if (!existsSync(path)) throw new Failure(`There is no file ${file}.`);
  const report = checkDatabase(path);
  if (options.json === true) print(JSON.stringify(plain(report)));
  else if (report.problems.length === 0)
    print(
      `${styled('green', '✓')} ${relative('', path)} is whole: ${counted(report)}, ${report.batches} batches of log, commit ${report.seq}`,
    );
  else for (const { message } of report.problems) print(`${styled('red', '✗')} ${message}`);
  if (report.problems.length > 0) process.exitCode = exitCodes.failed;
}

function ownFile(options: DataOptions): string {
  const { folder, database } = databaseFolder(options);
  return filesIn(folder, database).databaseFile;
}

/** Where nothing may be yet. */
function placeToRestore({ data, database = defaultDatabase }: DataOptions): { folder: string; database: string } {
  const root = resolve(data ?? join(findProject()?.folder ?? '.', defaultData));
  return { folder: join(root, database), database };
}

function counted({ rows, seq, tablesSeq }: DatabaseReport): string {
  const total = Object.values(rows).reduce((sum, each) => sum + each, 0);
  const tables = Object.keys(rows).length;
  const later = seq - tablesSeq;
  const beyond = later === 0 ? '' : ` (${later} ${later === 1 ? 'commit' : 'commits'} more in the log)`;
  return `${total} ${total === 1 ? 'row' : 'rows'} in ${tables} ${tables === 1 ? 'table' : 'tables'}${beyond}`;
}

function plain({ path, seq, batches, logBytes, rows, tablesSeq, problems }: DatabaseReport): object {
  return {
    path,
    seq,
    batches,
    log_bytes: logBytes,
    rows,
    tables_seq: tablesSeq,
    problems: problems.map(({ message }) => message),
  };
}
