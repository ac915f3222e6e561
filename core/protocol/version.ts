/**
 * The version of the wire. Whoever changes what a message holds raises it and writes a line here; a test that hashes
 * `messages.ts` and `frame.ts` fails until both are done.
 *
 * | version | what changed |
 * | --- | --- |
 * | 1 | the first |
 * | 2 | `ephemeral`: rows that are in no commit |
 * | 3 | one snapshot answers a hello, under the number 0; staged, leaving and ended; changes tell of rows that leave |
 * | 4 | `check`: what the authority has of whole tables |
 * | 5 | `module` answers a hello with another hash; a client that can go on says hello again |
 */

export const protocolVersion = 5;
/** Clients below it are refused with `protocol-mismatch`. */
export const oldestProtocolVersion = 5;
/** Name of the WebSocket subprotocol. */
export const subprotocol = 'v1.forerun';
