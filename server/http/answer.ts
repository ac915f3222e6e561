/** Requests and answers of plain HTTP: bodies with a bound, JSON, and errors as `{"code", "message"}`. */

import type { IncomingMessage, ServerResponse } from 'node:http';
import { type ErrorCode, ForerunError, SenderError } from '../../core/errors.ts';
import { limits } from '../../core/limits.ts';

/** What isn't here is the fault of the request: 400. */
const statusOf: Readonly<Partial<Record<ErrorCode, number>>> = {
  'not-found': 404,
  'reducer-unknown': 404,
  'token-invalid': 401,
  'connection-refused': 403,
  'reducer-not-callable': 403,
  'frame-too-large': 413,
  // SpacetimeDB's, for what a reducer refused or failed at.
  'call-rejected': 530,
  'reducer-threw': 530,
  'log-unavailable': 503,
  'client-closed': 503,
  'limit-reached': 429,
  internal: 500,
};

export function answer(
  response: ServerResponse,
  status: number,
  body: string,
  headers: Readonly<Record<string, string>> = {},
): void {
  response.writeHead(status, {
    ...(body !== '' && { 'content-type': 'application/json' }),
    'content-length': Buffer.byteLength(body),
    ...headers,
  });
  response.end(body);
}

export function answerError(response: ServerResponse, error: unknown): void {
  const { code, message } = plain(error);
  if (response.headersSent) {
    response.destroy();
    return;
  }
  answer(response, statusOf[code] ?? 400, JSON.stringify({ code, message }));
}

function plain(error: unknown): { readonly code: ErrorCode; readonly message: string } {
  if (error instanceof ForerunError) return error;
  if (SenderError.is(error)) return { code: 'call-rejected', message: error.message };
  return { code: 'internal', message: 'The server failed at this request. Its diagnostics say more.' };
}

export function refuseMethod(response: ServerResponse, path: string, allowed: string): void {
  response.setHeader('allow', allowed);
  const error = new ForerunError('not-found', `${path} answers ${allowed} only.`);
  answer(response, 405, JSON.stringify({ code: error.code, message: error.message }));
}

/** Throws `frame-too-large`. */
export async function bodyText(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    bytes += chunk.length;
    if (bytes > limits.frameBytesMax) {
      throw new ForerunError(
        'frame-too-large',
        `The body is larger than ${limits.frameBytesMax} bytes (frameBytesMax).`,
      );
    }
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString('utf8');
}
