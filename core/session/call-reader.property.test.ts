import fc from 'fast-check';
import { expect, it } from 'vitest';
import { compileCodec } from '../codec/bsatn.ts';
import { ByteReader, ByteWriter } from '../codec/bytes.ts';
import type { CallId } from '../commit/call.ts';
import { ForerunError } from '../errors.ts';
import { decodeClientMessage, encodeClientMessage } from '../protocol/frame.ts';
import type { CallMessage } from '../protocol/messages.ts';
import { ConnectionId } from '../value/connection-id.ts';
import { readCall } from './call-reader.ts';

const codec = compileCodec({
  type: 'product',
  fields: [
    { name: 'text', type: { type: 'string' } },
    { name: 'count', type: { type: 'u32' } },
  ],
});
const codecOf = (reducerId: number) => (reducerId < 2 ? codec : undefined);

function argsOf(value: { text: string; count: number }): Uint8Array {
  const writer = new ByteWriter();
  codec.encode(writer, value);
  return writer.take();
}

const message = fc.record({
  callId: fc.maxSafeNat().map((id) => id as CallId),
  reducerId: fc.nat(3),
  timestampMicros: fc.nat({ max: 2 ** 52 }),
  idHints: fc.array(fc.record({ tableId: fc.nat(9), column: fc.nat(9), first: fc.bigInt({ min: 0n, max: 99n }) }), {
    maxLength: 2,
  }),
  args: fc.oneof(
    fc.record({ text: fc.string({ unit: 'grapheme', maxLength: 9 }), count: fc.nat() }).map(argsOf),
    fc.uint8Array({ maxLength: 20 }),
  ),
});

/** The authority's view of a message that was decoded whole. */
function argsIn({ reducerId, args }: CallMessage): unknown {
  const reader = new ByteReader(args);
  try {
    const value = codecOf(reducerId)?.decode(reader);
    if (codecOf(reducerId) !== undefined) reader.expectEnd();
    return { value };
  } catch (error) {
    return error instanceof ForerunError ? 'refused' : error;
  }
}

it('[WIR-5] [WIR-6] calls are read from a frame as one decoded by one would be, refused arguments harming only their own', () => {
  fc.assert(
    fc.property(fc.array(message, { maxLength: 5 }), fc.nat(60), (list, cut) => {
      const writer = new ByteWriter();
      for (const each of list) encodeClientMessage(writer, { type: 'call', ...each });
      const frame = writer.take().subarray(0, Math.max(0, writer.offset - (cut > 30 ? 0 : cut)));
      const [whole, direct] = [new ByteReader(frame), new ByteReader(frame)];
      while (whole.remaining > 0) {
        let expected: CallMessage;
        try {
          expected = decodeClientMessage(whole) as CallMessage;
        } catch (error) {
          expect(error).toMatchObject({ code: 'frame-invalid' });
          direct.u8();
          expect(() => readCall(direct, codecOf, new ConnectionId(1n), 5)).toThrow(ForerunError);
          return;
        }
        direct.u8();
        const { args, ...request } = readCall(direct, codecOf, new ConnectionId(1n), 5);
        const { type: _, args: __, ...fields } = expected;
        expect(request).toEqual({ ...fields, receivedMicros: 5, connectionId: new ConnectionId(1n) });
        expect('refused' in args ? 'refused' : args).toEqual(argsIn(expected));
        expect(direct.position).toBe(whole.position);
      }
    }),
  );
});
