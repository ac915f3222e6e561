/** A program of ours in a process of its own, and what it says. */

import { type ChildProcess, spawn } from 'node:child_process';
import { join } from 'node:path';

export class Child {
  readonly #process: ChildProcess;
  #text = '';
  #heard = 0;
  #hear: () => void = () => {};

  /** `script` from the root of the checkout, which imports the sources of `forerun`. */
  constructor(script: string, args: readonly string[] = [], env: Readonly<Record<string, string>> = {}) {
    const { NODE_ENV: _, VITEST: __, ...inherited } = process.env;
    this.#process = spawn(process.execPath, ['--conditions=forerun-source', script, ...args], {
      cwd: join(import.meta.dirname, '../..'),
      env: { ...inherited, NO_COLOR: '1', ...env },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    const take = (chunk: Buffer): void => {
      this.#text += chunk;
      this.#hear();
    };
    this.#process.stdout?.on('data', take);
    this.#process.stderr?.on('data', take);
    this.#process.once('exit', () => this.#hear());
    process.once('exit', () => this.#process.kill());
  }

  /** What matches first in what it says from here on; everything up to it counts as heard. Rejects when it ends before. */
  says(pattern: RegExp): Promise<string> {
    return new Promise((resolve, reject) => {
      this.#hear = () => {
        const match = pattern.exec(this.#text.slice(this.#heard));
        if (match !== null) {
          this.#heard += match.index + match[0].length;
          resolve(match[0]);
        } else if (this.#process.exitCode !== null) {
          reject(new Error(`It ended without saying ${pattern}. It said:\n${this.#text}`));
        }
      };
      this.#hear();
    });
  }

  /** Asks it to end, and waits. */
  end(): Promise<void> {
    return this.#ended('SIGTERM');
  }

  /** Ends it where it stands. */
  kill(): Promise<void> {
    return this.#ended('SIGKILL');
  }

  async #ended(signal: NodeJS.Signals): Promise<void> {
    if (this.#process.exitCode !== null || this.#process.signalCode !== null) return;
    const ended = new Promise((resolve) => this.#process.once('exit', resolve));
    this.#process.kill(signal);
    await ended;
  }
}
