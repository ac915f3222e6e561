/** The command line of `forerun`: every command, its options, and examples of them. What each does is in its own file. */

import { Command, InvalidArgumentError } from 'commander';
import { version } from '../version.ts';
import type { DatabaseOptions } from './project.ts';

export function program(): Command {
  const forerun = new Command('forerun')
    .description(
      'A realtime database runtime: tables and reducers in TypeScript, on the server and ahead of it in every page.',
    )
    .version(version, '-V, --version')
    .option('--verbose', 'with an error, show where it comes from')
    .showHelpAfterError('Run it with --help to see what it takes.')
    .configureOutput({
      outputError: (text, write) => write(text.replace(/^error: /, 'forerun: ').replace(/\n\(/, ' (')),
    })
    // Descriptions are broken at 80 columns too, beside the longest command.
    .configureHelp({ minWidthToWrap: 20 })
    .exitOverride()
    .addHelpText('after', '\nExit codes: 1 refused or failed, 2 wrong usage, 3 no server reached.');
  addProjectCommands(forerun);
  addRemoteCommands(forerun);
  addDataCommands(forerun);
  for (const command of forerun.commands)
    command.option('--verbose', 'with an error, show where it comes from').exitOverride();
  return forerun;
}

function addProjectCommands(forerun: Command): void {
  forerun
    .command('new')
    .description('make a new project')
    .argument('[folder]', 'where; its name is the name of the project')
    .option('-t, --template <name>', 'react, vanilla or node')
    .action(async (folder, options) => (await import('./new-project.ts')).newProject({ folder, version, ...options }))
    .addHelpText('after', examples('forerun new my_first_app', 'forerun new my_bots --template node'));
  forerun
    .command('dev')
    .description('serve the project while it is being made: page and database on one port, new code at once')
    .option('-p, --port <number>', 'this port and no other; without it, the next free one from 5173', port)
    .option('--host [address]', 'who may reach it; without an address everyone, else this machine only')
    .option('--data <folder>', 'where the data lies (default: .forerun)')
    .option('--reset', 'delete the data first')
    .option('--module <file>', "the module's file, for a project without a Vite configuration")
    .action(async (options) => (await import('./dev.ts')).dev(options))
    .addHelpText('after', examples('forerun dev', 'forerun dev --port 4000 --host', 'forerun dev --reset'));
  forerun
    .command('start')
    .description('serve the built project, with logs in JSON')
    .option('-p, --port <number>', 'the port (default: 3000)', port)
    .option('--host <address>', 'who may reach it (default: 127.0.0.1, this machine only)')
    .option('--data <folder>', 'where the data lies (default: .forerun)')
    .option('--module <file>', 'the module (default: what vite build has made of it)')
    .option('--static <folder>', 'files to serve beside the database (default: dist)')
    .option('--log-level <level>', 'debug, info, warn or error (default: info)')
    .action(async (options) => (await import('./start.ts')).start(options))
    .addHelpText('after', examples('forerun start --port 8080 --data /var/lib/my_first_app'));
}

function addRemoteCommands(forerun: Command): void {
  onDatabase(forerun.command('call'))
    .description('call a reducer, as the owner of the database')
    .argument('<reducer>')
    .argument('[arguments...]', 'in order, each as JSON or plain text; or one JSON object by their names')
    .action(async (reducer, args, options) => (await import('./call.ts')).call(reducer, args, options))
    .addHelpText('after', examples('forerun call send "Hello"', `forerun call move '{"dx": 1, "dy": 2.5}'`));
  onDatabase(forerun.command('sql'))
    .description('ask a query or change rows, or without one many, one after the other')
    .argument('[query]', 'anything that SQLite reads; or INSERT, UPDATE, DELETE, past the reducers')
    .action(async (query, options) => (await import('./sql.ts')).sql(query, options))
    .addHelpText(
      'after',
      examples(
        'forerun sql "SELECT name, count(*) AS messages FROM message GROUP BY name"',
        `forerun sql "UPDATE player SET banned = TRUE WHERE name = 'Eve'"`,
        'forerun sql',
        'echo "SELECT * FROM player" | forerun sql --json',
      ),
    );
  onDatabase(forerun.command('logs'))
    .description('show what the module printed, and what went wrong')
    .option('-f, --follow', 'go on as there is more')
    .option('-n, --lines <number>', 'so many of the newest (default: 100)', count)
    .action(async (options) => (await import('./logs.ts')).logs(options))
    .addHelpText('after', examples('forerun logs -f', 'forerun logs -n 1000 --json'));
  onDatabase(forerun.command('describe'))
    .description('show the tables and reducers of the module that runs')
    .action(async (options) => (await import('./describe.ts')).describe(options))
    .addHelpText('after', examples('forerun describe', 'forerun describe --json'));
  onDatabase(forerun.command('subscribe'))
    .description('show how the result of a query changes, as it does')
    .argument('<query>', 'anything that SQLite reads')
    .option('-n, --changes <number>', 'stop after so many', count)
    .action(async (query, options) => (await import('./subscribe.ts')).subscribe(query, options))
    .addHelpText('after', examples('forerun subscribe "SELECT * FROM message"'));
}

function addDataCommands(forerun: Command): void {
  onData(forerun.command('backup'))
    .description('write a backup, while a server runs or not')
    .argument('[file]', 'where to (default: the database and the time, here)')
    .action(async (file, options) => (await import('./data.ts')).backup(file, options))
    .addHelpText(
      'after',
      examples('forerun backup', 'forerun backup /backups/monday.backup --data /var/lib/my_first_app'),
    );
  onData(forerun.command('restore'))
    .description('put a backup in the place of a database; the server must be stopped')
    .argument('<file>', 'a backup')
    .action(async (file, options) => (await import('./data.ts')).restore(file, options))
    .addHelpText('after', examples('forerun restore monday.backup'));
  onData(forerun.command('check'))
    .description('read everything of a database against its checksums, and change nothing')
    .argument('[file]', 'a database file or a backup (default: the database of this project)')
    .action(async (file, options) => (await import('./data.ts')).check(file, options))
    .addHelpText('after', examples('forerun check', 'forerun check monday.backup --json'));
}

export type RemoteOptions = DatabaseOptions & { readonly json?: boolean };

function onDatabase(command: Command): Command {
  return command
    .option('-d, --database <name>', 'which database (default: main, or the only one)')
    .option('--data <folder>', 'where the data lies (default: .forerun); its key makes you the owner')
    .option('-s, --server <url>', 'where the server is (default: what it left in the data folder)')
    .option('--token <token>', 'to be someone else than the owner')
    .option('--json', 'for programs');
}

function onData(command: Command): Command {
  return command
    .option('-d, --database <name>', 'which database (default: main, or the only one)')
    .option('--data <folder>', 'where the data lies (default: .forerun)')
    .option('--json', 'for programs');
}

function examples(...lines: readonly string[]): string {
  return `\nExamples:\n${lines.map((line) => `  ${line}`).join('\n')}`;
}

function port(text: string): number {
  const number = Number(text);
  if (Number.isInteger(number) && number >= 0 && number <= 65_535) return number;
  throw new InvalidArgumentError('A port is a number up to 65535; 0 takes any that is free.');
}

function count(text: string): number {
  const number = Number(text);
  if (Number.isInteger(number) && number >= 0) return number;
  throw new InvalidArgumentError('It is a number.');
}
