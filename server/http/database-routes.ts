/**
 * A database over plain HTTP, in the shape of SpacetimeDB's API:
 *
 *     POST /v1/database/NAME/call/REDUCER   arguments as JSON, an array or an object → 200, {"seq": …}
 *     POST /v1/database/NAME/sql            a query as text → [{"schema": {"elements": […]}, "rows": [[…]]}]
 *                                           the owner's INSERT, UPDATE or DELETE → [{…, "stats": {"rows_inserted": …}}]
 *          ?follow=true                     how its result changes, one JSON object a line; the owner's only
 *     GET  /v1/database/NAME/schema         its tables and reducers
 *     GET  /v1/database/NAME/logs           ?num_lines=…&follow=true → one JSON object a line; the owner's only
 *     GET  /v1/database/NAME                its identity, position and module hash
 *
 * `Authorization: Bearer TOKEN` says who asks. Without it a caller is someone new, whose token the answer's header
 * `spacetime-identity-token` carries.
 *
 * Law: what is read here is durable. The owner sees everything; anyone else what is public, by the same answers as if the
 * rest did not exist.
 */

import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Authority } from '../../core/authority/authority.ts';
import { ForerunError } from '../../core/errors.ts';
import type { ViewInstances } from '../../core/session/view-instances.ts';
import type { Identity } from '../../core/value/identity.ts';
import type { DatabaseDiagnostics } from '../database-diagnostics.ts';
import { ownerIdentity } from '../gateway/auth.ts';
import { answer, answerError, bodyText, refuseMethod } from './answer.ts';
import type { Callers } from './callers.ts';
import { followQuery } from './followed-query.ts';
import { schemaJson } from './schema-json.ts';
import { argsFromJson } from './json-values.ts';
import { type QueryResult, queryOf, resultJson } from './sql.ts';
import { changeJson, changeRows, isRowChange } from './sql-change.ts';

export interface DatabaseRoutesOptions {
  readonly name: string;
  readonly authority: Authority;
  readonly authenticate: (token: string) => Promise<{ readonly identity: Identity; readonly token: string }>;
  readonly callers: Callers;
  readonly diagnostics: DatabaseDiagnostics;
  readonly views: ViewInstances;
}

interface Asker {
  readonly isOwner: boolean;
  readonly identity: Identity;
  readonly headers: Readonly<Record<string, string>>;
}

type Route = (request: IncomingMessage, response: ServerResponse, asker: Asker) => Promise<void> | void;

export class DatabaseRoutes {
  readonly #options: DatabaseRoutesOptions;

  constructor(options: DatabaseRoutesOptions) {
    this.#options = options;
  }

  /** `path` is what follows the name of the database: `/sql`, or empty. False when there is nothing of ours there. */
  handle(request: IncomingMessage, response: ServerResponse, path: string): boolean {
    const found = this.#route(path);
    if (found === undefined) return false;
    if (request.method !== found.method) {
      refuseMethod(response, path === '' ? 'A database' : path, found.method);
      return true;
    }
    this.#answer(found.route, request, response).catch((error: unknown) => answerError(response, error));
    return true;
  }

  async #answer(route: Route, request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { authority } = this.#options;
    if (authority.failure !== undefined) throw authority.failure;
    const shown = /^Bearer (.+)$/i.exec(request.headers.authorization ?? '')?.[1] ?? '';
    const { identity, token } = await this.#options.authenticate(shown);
    const headers = {
      'spacetime-identity': identity.toHexString(),
      ...(token !== '' && { 'spacetime-identity-token': token }),
    };
    await route(request, response, { isOwner: identity.isEqual(ownerIdentity), identity, headers });
  }

  #route(path: string): { readonly method: 'GET' | 'POST'; readonly route: Route } | undefined {
    const reducer = /^\/call\/([^/]+)$/.exec(path)?.[1];
    if (reducer !== undefined)
      return { method: 'POST', route: (...each) => this.#call(decodeURIComponent(reducer), ...each) };
    switch (path) {
      case '':
        return { method: 'GET', route: (_, response, asker) => this.#info(response, asker) };
      case '/sql':
        return { method: 'POST', route: (...each) => this.#sql(...each) };
      case '/schema':
        return { method: 'GET', route: (_, response, asker) => this.#schema(response, asker) };
      case '/logs':
        return { method: 'GET', route: (...each) => this.#logs(...each) };
      default:
        return undefined;
    }
  }

  async #call(name: string, request: IncomingMessage, response: ServerResponse, asker: Asker): Promise<void> {
    const { authority, callers } = this.#options;
    const body = await bodyText(request);
    const { reducers } = authority.definition;
    const reducer = reducers.find((each) => each.name === name) ?? reducers.find(({ accessor }) => accessor === name);
    if (reducer === undefined) {
      const names = reducers.filter(({ lifecycle }) => lifecycle === undefined).map((each) => each.name);
      throw new ForerunError(
        'reducer-unknown',
        `There is no reducer '${name}'. ${names.length === 0 ? 'The module has none.' : `There are: ${names.join(', ')}.`}`,
      );
    }
    const args = argsFromJson(reducer.name, reducer.params, parsed(body));
    const seq = await callers.call(asker.identity, reducer.accessor, args);
    answer(response, 200, JSON.stringify({ seq: seq ?? null }), asker.headers);
  }

  async #sql(request: IncomingMessage, response: ServerResponse, asker: Asker): Promise<void> {
    const { authority, views } = this.#options;
    const started = performance.now();
    const text = await bodyText(request);
    if (asker.isOwner && isRowChange(text)) {
      const changed = await changeRows(authority, text, asker.identity);
      const micros = Math.round((performance.now() - started) * 1000);
      return answer(response, 200, changeJson(changed, micros), asker.headers);
    }
    const query = queryOf({ engine: authority.engine, views }, text, asker);
    if (parameters(request).get('follow') === 'true') return this.#follow(query, response, asker);
    const result = await betweenBatches(authority, query);
    await authority.settled();
    const micros = Math.round((performance.now() - started) * 1000);
    answer(response, 200, resultJson(result, micros), asker.headers);
  }

  #follow(query: () => QueryResult, response: ServerResponse, asker: Asker): void {
    if (!asker.isOwner)
      throw new ForerunError(
        'token-invalid',
        'Only the owner follows a query over HTTP: connect a client to subscribe.',
      );
    response.writeHead(200, { 'content-type': 'application/x-ndjson', ...asker.headers }).flushHeaders();
    const stop = followQuery(
      this.#options.authority,
      query,
      (change) => response.write(`${JSON.stringify(change)}\n`),
      () => response.destroy(),
    );
    response.once('close', stop);
  }

  #schema(response: ServerResponse, asker: Asker): void {
    answer(response, 200, schemaJson(this.#options.authority.definition, asker.isOwner), asker.headers);
  }

  #info(response: ServerResponse, asker: Asker): void {
    const { name, authority } = this.#options;
    const info = {
      name,
      database_identity: authority.databaseIdentity.toHexString(),
      epoch: authority.epoch,
      seq: authority.durableSeq,
      module_hash: authority.definition.hash,
    };
    answer(response, 200, JSON.stringify(info), asker.headers);
  }

  #logs(request: IncomingMessage, response: ServerResponse, asker: Asker): void {
    if (!asker.isOwner) {
      throw new ForerunError(
        'token-invalid',
        'Only the owner of a database reads its diagnostics: show the token that forerun mints from the key in the data folder.',
      );
    }
    const asked = parameters(request);
    const { diagnostics } = this.#options;
    response.writeHead(200, { 'content-type': 'application/x-ndjson', ...asker.headers });
    for (const line of diagnostics.newest(lineCount(asked.get('num_lines'))))
      response.write(`${JSON.stringify(line)}\n`);
    if (asked.get('follow') !== 'true') {
      response.end();
      return;
    }
    response.flushHeaders();
    const stop = diagnostics.follow((line) => response.write(`${JSON.stringify(line)}\n`));
    response.once('close', stop);
  }
}

/** When views are as of the same commit as tables. */
function betweenBatches<T>(authority: Authority, task: () => T): Promise<T> {
  return new Promise((resolve, reject) =>
    authority.betweenBatches(() => {
      try {
        resolve(task());
      } catch (error) {
        reject(error);
      }
    }),
  );
}

function parameters({ url = '' }: IncomingMessage): URLSearchParams {
  return new URL(url, 'http://localhost').searchParams;
}

function lineCount(text: string | null): number {
  if (text === null) return Number.POSITIVE_INFINITY;
  if (!/^\d+$/.test(text)) throw new ForerunError('args-invalid', `num_lines: expected a number, got '${text}'.`);
  return Number(text);
}

function parsed(body: string): unknown {
  if (body.trim() === '') return [];
  try {
    return JSON.parse(body);
  } catch (cause) {
    throw new ForerunError('args-invalid', `The arguments are no JSON: ${(cause as Error).message}.`, { cause });
  }
}
