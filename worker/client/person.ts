/** Whose token it is: what a client keeps on the device is kept for one person. Loaded where there is a token. */

import { checksum } from '../persist/checksum.ts';

/** Of a JWT its issuer and subject, which stay when it is renewed; of anything else all of it. */
export function personOf(token: string): string {
  const bytes = new TextEncoder().encode(claimsOf(token) ?? token);
  return `${checksum(bytes).toString(36)}${checksum(bytes, 1).toString(36)}`;
}

function claimsOf(token: string): string | undefined {
  try {
    const [, body = ''] = token.split('.');
    const { iss, sub } = JSON.parse(atob(body.replaceAll('-', '+').replaceAll('_', '/')));
    return typeof sub === 'string' ? JSON.stringify([iss, sub]) : undefined;
  } catch {
    return undefined;
  }
}
