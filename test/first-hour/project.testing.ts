/**
 * The package as people get it: packed, installed into a folder of its own, and its command line run from there, at a
 * terminal of its own where it matters.
 */

import { type ChildProcess, execFile, execFileSync, spawn } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify, stripVTControlCharacters } from 'node:util';

const root = join(import.meta.dirname, '../..');

/** Without what a test runner sets, and as nobody's terminal. */
export function plainEnv(): NodeJS.ProcessEnv {
  const { NODE_ENV: _, VITEST: __, FORCE_COLOR: ___, NO_COLOR: ____, CI: _____, ...env } = process.env;
  return env;
}

/** Builds the package if need be and packs it; the path of the tarball. */
export function packed(folder: string): string {
  execFileSync(process.execPath, ['.ci/build.ts'], {
    cwd: root,
    stdio: ['ignore', 'ignore', 'inherit'],
    env: plainEnv(),
  });
  return packedAsIs(root, folder);
}

/** `npm create forerun`, packed. */
export function packedCreator(folder: string): string {
  return packedAsIs(join(root, 'create-forerun'), folder);
}

function packedAsIs(source: string, folder: string): string {
  const output = execFileSync('npm', ['pack', '--json', '--ignore-scripts', '--pack-destination', folder], {
    cwd: source,
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'ignore'],
    env: plainEnv(),
  });
  const [{ filename }] = JSON.parse(output) as [{ filename: string }];
  return join(folder, filename);
}

/** A folder of somebody who has installed the tarball. */
export class Home {
  readonly folder: string;
  readonly tarball: string;
  readonly #running: Running[] = [];

  constructor() {
    this.folder = mkdtempSync(join(tmpdir(), 'forerun-first-hour-'));
    this.tarball = packed(this.folder);
  }

  /** Fails with what it said when it fails. */
  async run(cwd: string, command: string, ...args: readonly string[]): Promise<string> {
    const { code, output } = await this.attempt(cwd, command, ...args);
    if (code !== 0) throw new Error(`${command} ${args.join(' ')} ended with ${code}:\n${output}`);
    return output;
  }

  async attempt(cwd: string, command: string, ...args: readonly string[]): Promise<{ code: number; output: string }> {
    try {
      const { stdout, stderr } = await promisify(execFile)(command, args, { cwd, env: plainEnv() });
      return { code: 0, output: stdout + stderr };
    } catch (error) {
      const { code, stdout, stderr } = error as { code: number; stdout: string; stderr: string };
      return { code, output: stdout + stderr };
    }
  }

  /** `npm install` with our tarball in the place of the package that the registry would give. */
  async install(folder: string): Promise<void> {
    await this.run(folder, 'npm', 'install', '--prefer-offline', '--no-audit', '--no-fund', this.tarball);
  }

  forerun(cwd: string, ...args: readonly string[]): Promise<string> {
    return this.run(cwd, process.execPath, this.program(cwd), ...args);
  }

  /** Where the command line of the installed package is. */
  program(cwd: string): string {
    const own = join(cwd, 'node_modules/forerun/dist/server/cli/main.js');
    return existsSync(own) ? own : join(this.folder, 'node_modules/forerun/dist/server/cli/main.js');
  }

  start(cwd: string, ...args: readonly string[]): Running {
    const running = new Running(
      spawn(process.execPath, [this.program(cwd), ...args], { cwd, env: { ...plainEnv(), NO_COLOR: '1' } }),
    );
    this.#running.push(running);
    return running;
  }

  /** A program of a project. */
  node(cwd: string, env: Readonly<Record<string, string>>, ...args: readonly string[]): Running {
    const running = new Running(spawn(process.execPath, args, { cwd, env: { ...plainEnv(), NO_COLOR: '1', ...env } }));
    this.#running.push(running);
    return running;
  }

  /** As if installed anew: what is there already is linked, file by file, so that nothing is written into the other. */
  shareInstalled(from: string, to: string): void {
    execFileSync('cp', ['-al', join(from, 'node_modules'), join(to, 'node_modules')]);
    rmSync(join(to, 'node_modules/.vite'), { recursive: true, force: true });
  }

  /** As `screen`, of the installed command line. */
  screen(cwd: string, columns: number, args: readonly string[], lines: readonly string[] = []): Promise<string> {
    return screen({ cwd, columns, command: [process.execPath, this.program(cwd), ...args], lines });
  }

  async remove(): Promise<void> {
    await Promise.all(this.#running.map((running) => running.end()));
    rmSync(this.folder, { recursive: true, force: true });
  }

  project(name: string): string {
    const folder = join(this.folder, name);
    mkdirSync(folder, { recursive: true });
    return folder;
  }
}

export interface ScreenOptions {
  readonly cwd: string;
  readonly columns: number;
  readonly command: readonly string[];
  /** Typed at a prompt each: at the command line's own, or at these. */
  readonly lines: readonly string[];
  readonly prompts?: readonly RegExp[];
}

/** What a person at a terminal of this width sees in the end, by the program `script`. */
export async function screen({ cwd, columns, command, lines, prompts = [] }: ScreenOptions): Promise<string> {
  const child = spawn('script', ['-qec', `stty cols ${columns}; exec ${command.map(quoted).join(' ')}`, '/dev/null'], {
    cwd,
    env: { ...plainEnv(), TERM: 'xterm', SHELL: '/bin/sh' },
  });
  const running = new Running(child);
  for (const [i, line] of lines.entries()) {
    await running.says(prompts[i] ?? /main> |^ +… /m);
    // As the key does; a terminal that hands on whole lines makes a line's end of it.
    child.stdin?.write(`${line}\r`);
  }
  await running.ended;
  child.stdin?.end();
  return stripVTControlCharacters(running.text.replaceAll('\r', '')).trimEnd();
}

function quoted(text: string): string {
  return `'${text.replaceAll("'", `'\\''`)}'`;
}

/** A command that goes on. */
export class Running {
  readonly #child: ChildProcess;
  readonly ended: Promise<void>;
  text = '';
  #heard = 0;
  #hear: () => void = () => {};

  constructor(child: ChildProcess) {
    this.#child = child;
    const take = (chunk: Buffer): void => {
      this.text += chunk;
      this.#hear();
    };
    child.stdout?.on('data', take);
    child.stderr?.on('data', take);
    this.ended = new Promise((resolve) =>
      child.once('close', () => {
        resolve();
        this.#hear();
      }),
    );
  }

  /** What matches first in what it says from here on. */
  says(pattern: RegExp): Promise<RegExpExecArray> {
    return new Promise((resolve, reject) => {
      this.#hear = () => {
        const match = pattern.exec(stripVTControlCharacters(this.text).slice(this.#heard));
        if (match !== null) {
          this.#heard += match.index + match[0].length;
          resolve(match);
        } else if (this.#child.exitCode !== null) reject(new Error(`It ended without ${pattern}:\n${this.text}`));
      };
      this.#hear();
    });
  }

  async end(): Promise<void> {
    if (this.#child.exitCode === null && this.#child.signalCode === null) this.#child.kill('SIGTERM');
    await this.ended;
  }
}

/** A port that something else has, until the result is called. */
export function takenPort(): Promise<{ readonly port: number; readonly free: () => void }> {
  return new Promise((resolve) => {
    const server = createServer().listen(0, '127.0.0.1', () => {
      const address = server.address();
      resolve({ port: typeof address === 'object' && address !== null ? address.port : 0, free: () => server.close() });
    });
  });
}

export const hasScript: boolean = ['/usr/bin/script', '/bin/script'].some((path) => existsSync(path));
