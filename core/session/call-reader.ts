/**
 * Reads a call message straight into the request that the authority takes: no message object, no view of the arguments.
 * Calls are what an authority hears most of; `decodeClientMessage` reads the same bytes to the same effect.
 */

import type { CallRequest } from '../authority/call-request.ts';
import type { Codec } from '../codec/bsatn.ts';
import type { ByteReader } from '../codec/bytes.ts';
import type { CallId, IdHint } from '../commit/call.ts';
import { ForerunError } from '../errors.ts';
import { decodeIdHints } from '../protocol/frame.ts';
import type { ConnectionId } from '../value/connection-id.ts';

/** Nobody adds to the hints of a call that has arrived. */
const noHints: IdHint[] = [];

/** What stands behind the tag of a call. Throws `frame-invalid`; arguments that can't be read refuse their call only. */
export function readCall(
  reader: ByteReader,
  argsCodec: (reducerId: number) => Codec | undefined,
  connectionId: ConnectionId,
  receivedMicros: number,
): CallRequest {
  const callId = reader.varint() as CallId;
  const reducerId = reader.varint();
  const timestampMicros = reader.safeU64();
  const hintCount = reader.varint();
  const idHints = hintCount === 0 ? noHints : decodeIdHints(reader, hintCount);
  const length = reader.varint();
  // Checks that they are all there.
  const start = reader.take(length);
  reader.offset = start;
  const args = readArgs(reader, argsCodec(reducerId), start + length);
  return { callId, reducerId, timestampMicros, receivedMicros, args, connectionId, idHints };
}

function readArgs(reader: ByteReader, codec: Codec | undefined, end: number): CallRequest['args'] {
  if (codec === undefined) {
    reader.offset = end;
    return { value: undefined };
  }
  try {
    const value = codec.decode(reader);
    if (reader.offset !== end) reader.refuse('the arguments end elsewhere than they say');
    return { value };
  } catch (error) {
    if (!(error instanceof ForerunError)) throw error;
    reader.offset = end;
    return { refused: { code: 'args-invalid', message: `The arguments can't be read: ${error.message}` } };
  }
}
