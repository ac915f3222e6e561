/**
 * Plain HTTP of a server: signs of life, its database (`http/database-routes.ts`), and errors as JSON `{"code", "message"}`.
 *
 *     GET /v1/ping      200, empty: the server answers
 *     GET /health       200 or, while the log can't be written, 503: the database takes calls
 *     POST /v1/identity a new identity and the token that proves it
 */

import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Duplex } from 'node:stream';
import { ForerunError } from '../core/errors.ts';
import type { Identity } from '../core/value/identity.ts';
import { answer, answerError, refuseMethod } from './http/answer.ts';
import type { DatabaseRoutes } from './http/database-routes.ts';
import { version, versionHeader } from './version.ts';

export interface HttpOptions {
  readonly database: string;
  readonly health: () => Health;
  readonly routes: DatabaseRoutes;
  /** A name or an identity is this database's. */
  readonly isOurs: (nameOrIdentity: string) => boolean;
  readonly newIdentity: () => Promise<{ readonly identity: Identity; readonly token: string }>;
}

export interface Health {
  readonly failure: ForerunError | undefined;
  readonly seq: number;
  readonly connections: number;
}

/** Answers what is asked of the database or of the server; false for every other request. */
export function handleRequest(request: IncomingMessage, response: ServerResponse, options: HttpOptions): boolean {
  const path = pathOf(request);
  const [, name, rest = ''] = /^\/v1\/database\/([^/]+)(\/.*)?$/.exec(path) ?? [];
  if (path.startsWith('/v1/')) response.setHeader(versionHeader, version);
  if (name !== undefined) return options.isOurs(decoded(name)) && options.routes.handle(request, response, rest);
  if (path === '/v1/identity') return handleIdentity(request, response, options);
  if (path !== '/v1/ping' && path !== '/health') return false;
  if (request.method !== 'GET' && request.method !== 'HEAD') refuseMethod(response, path, 'GET');
  else if (path === '/v1/ping') answer(response, 200, '');
  else answerHealth(response, options);
  return true;
}

export function answerNotFound(request: IncomingMessage, response: ServerResponse): void {
  answerError(response, notFound(pathOf(request)));
}

function answerHealth(response: ServerResponse, { database, health }: HttpOptions): void {
  const { failure, seq, connections } = health();
  const status = failure === undefined ? 'ok' : failure.code;
  answer(response, failure === undefined ? 200 : 503, JSON.stringify({ status, database, seq, connections }));
}

function handleIdentity(request: IncomingMessage, response: ServerResponse, { newIdentity }: HttpOptions): boolean {
  if (request.method !== 'POST') refuseMethod(response, '/v1/identity', 'POST');
  else {
    newIdentity().then(
      ({ identity, token }) => answer(response, 200, JSON.stringify({ identity: identity.toHexString(), token })),
      (error: unknown) => answerError(response, error),
    );
  }
  return true;
}

/** The database that a request to become a WebSocket names, or undefined when it is for another endpoint. */
export function subscribedDatabase(request: IncomingMessage): string | undefined {
  const name = /^\/v1\/database\/([^/]+)\/subscribe$/.exec(pathOf(request))?.[1];
  return name === undefined ? undefined : decoded(name);
}

/** Answers a request to become a WebSocket with plain HTTP, and ends it. */
export function refuseUpgrade(socket: Duplex, status: 400 | 404 | 503, error: ForerunError): void {
  const body = asJson(error);
  const reason = { 400: 'Bad Request', 404: 'Not Found', 503: 'Service Unavailable' }[status];
  socket.on('error', () => {});
  socket.end(
    `HTTP/1.1 ${status} ${reason}\r\ncontent-type: application/json\r\ncontent-length: ${Buffer.byteLength(body)}\r\nconnection: close\r\n\r\n${body}`,
  );
}

export function notFound(path: string): ForerunError {
  return new ForerunError(
    'not-found',
    `There is nothing at ${path.slice(0, 200)}. Databases are at /v1/database/NAME.`,
  );
}

export function pathOf({ url = '/' }: IncomingMessage): string {
  return url.split('?', 1)[0] ?? '/';
}

function decoded(name: string): string {
  try {
    return decodeURIComponent(name);
  } catch {
    return name;
  }
}

function asJson({ code, message }: ForerunError): string {
  return JSON.stringify({ code, message });
}
