/**
 * Plain HTTP: signs of life, and errors as JSON `{"code", "message"}`.
 *
 *     GET /v1/ping     200, empty: the server answers
 *     GET /health      200 or, while the log can't be written, 503: the database takes calls
 */

import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Duplex } from 'node:stream';
import { ForerunError } from '../core/errors.ts';

export interface HttpOptions {
  readonly database: string;
  readonly health: () => Health;
}

export interface Health {
  readonly failure: ForerunError | undefined;
  readonly seq: number;
  readonly connections: number;
}

/** Answers every request. */
export function answerRequest(
  request: IncomingMessage,
  response: ServerResponse,
  { database, health }: HttpOptions,
): void {
  const path = pathOf(request);
  if (path !== '/v1/ping' && path !== '/health') return answer(response, 404, asJson(notFound(path)));
  if (request.method !== 'GET' && request.method !== 'HEAD') {
    response.setHeader('allow', 'GET, HEAD');
    return answer(response, 405, asJson(new ForerunError('not-found', `${path} answers GET only.`)));
  }
  if (path === '/v1/ping') return answer(response, 200, '');
  const { failure, seq, connections } = health();
  const status = failure === undefined ? 'ok' : failure.code;
  answer(response, failure === undefined ? 200 : 503, JSON.stringify({ status, database, seq, connections }));
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
    `There is nothing at ${path.slice(0, 200)}. Databases are at /v1/database/NAME/subscribe.`,
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

function answer(response: ServerResponse, status: number, body: string): void {
  response.writeHead(status, {
    ...(body !== '' && { 'content-type': 'application/json' }),
    'content-length': Buffer.byteLength(body),
  });
  response.end(body);
}
