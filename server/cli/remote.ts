/** A running server, asked over HTTP as the owner of its database. */

import { existsSync } from 'node:fs';
import { ownerToken } from '../gateway/auth.ts';
import { filesIn } from '../log/data-folder.ts';
import { isCompatible, version, versionHeader } from '../version.ts';
import { exitCodes, Failure } from './failure.ts';
import { addressOf, type DatabaseOptions, databaseFolder, defaultDatabase } from './project.ts';

export class Remote {
  readonly database: string;
  readonly url: string;
  readonly #token: string | undefined;

  private constructor(url: string, database: string, token: string | undefined) {
    this.url = url.replace(/\/$/, '');
    this.database = database;
    this.#token = token;
  }

  /** By `--server`, else by what the server has left in the data folder; fails when there is neither. */
  static async find(options: DatabaseOptions): Promise<Remote> {
    const place = options.server !== undefined && options.data === undefined ? undefined : databaseFolder(options);
    const database = place?.database ?? options.database ?? defaultDatabase;
    const keyFile = place === undefined ? undefined : filesIn(place.folder, database).tokenKeyFile;
    const token =
      options.token ?? (keyFile !== undefined && existsSync(keyFile) ? await ownerToken(keyFile) : undefined);
    const url = options.server ?? (place && addressOf(place.folder, database));
    if (url === undefined) throw notRunning(database);
    if (!URL.canParse(url))
      throw new Failure(`--server: ${url} is no address. Write it like http://localhost:3000`, exitCodes.usage);
    return new Remote(url, database, token);
  }

  /** `path` begins after the database: `/sql`. Fails with what the server says. */
  async ask(path: string, body?: string, signal?: AbortSignal): Promise<Response> {
    const response = await this.#fetch(path, body, signal);
    this.#checkVersion(response);
    if (response.ok) return response;
    const { code, message } = await response.json().catch(() => ({ code: undefined, message: undefined }));
    if (typeof message !== 'string') throw this.#notOurs(response);
    if (code === 'not-found')
      throw new Failure(`The server at ${this.url} has no database '${this.database}'. Name it with --database.`);
    throw new Failure(message);
  }

  #checkVersion(response: Response): void {
    const theirs = response.headers.get(versionHeader);
    if (theirs === null) throw this.#notOurs(response);
    if (isCompatible(theirs, version)) return;
    throw new Failure(
      `The server at ${this.url} is version ${theirs}, this command is ${version}. Use the one of its version: npx forerun@${theirs}`,
    );
  }

  #notOurs({ status }: Response): Failure {
    return new Failure(
      `${this.url} answered ${status}, and not as a Forerun server does. Name the right one with --server.`,
    );
  }

  async #fetch(path: string, body: string | undefined, signal: AbortSignal | undefined): Promise<Response> {
    try {
      return await fetch(`${this.url}/v1/database/${encodeURIComponent(this.database)}${path}`, {
        ...(body !== undefined && { method: 'POST', body }),
        ...(signal !== undefined && { signal }),
        headers: this.#token === undefined ? {} : { authorization: `Bearer ${this.#token}` },
      });
    } catch (cause) {
      if (signal?.aborted === true) throw cause;
      throw new Failure(
        `No server is reached at ${this.url}. Start it with forerun dev or forerun start, or name it with --server.`,
        exitCodes.unreachable,
        { cause },
      );
    }
  }
}

function notRunning(database: string): Failure {
  return new Failure(
    `No server runs the database '${database}'. Start it with forerun dev or forerun start, or name one with --server.`,
    exitCodes.unreachable,
  );
}

/** The lines of a streamed answer, which goes on until the server ends it. Fails when the connection breaks off. */
export async function* linesOf(response: Response): AsyncGenerator<string> {
  let rest = '';
  try {
    for await (const text of response.body?.pipeThrough(new TextDecoderStream()) ?? []) {
      const lines = (rest + text).split('\n');
      rest = lines.pop() ?? '';
      yield* lines;
    }
  } catch (cause) {
    throw new Failure(
      `The connection to ${new URL(response.url).origin} has ended. Run it again once the server does.`,
      exitCodes.unreachable,
      { cause },
    );
  }
  if (rest !== '') yield rest;
}
