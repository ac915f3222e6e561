import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { arbitraryBytes } from '../codec/arbitrary.testing.ts';
import { ByteReader, ByteWriter } from '../codec/bytes.ts';
import { rendered } from '../codec/rendered.testing.ts';
import type { CallId, ClientId, Epoch, Outcome, Seq } from '../commit/call.ts';
import { type RowShape, rowShape } from '../engine/row-shape.ts';
import { ForerunError } from '../errors.ts';
import { t } from '../module/column.ts';
import { defineModule } from '../module/module.ts';
import { schema } from '../module/schema.ts';
import { table } from '../module/table.ts';
import {
  clientTag,
  decodeClientMessage,
  decodeServerMessage,
  encodeClientMessage,
  encodeOutcome,
  encodeServerMessage,
  serverTag,
} from './frame.ts';
import type { ClientMessage, RowsFrame, ServerMessage } from './messages.ts';
import { oldestProtocolVersion, protocolVersion } from './version.ts';

const shapes = defineModule({
  default: schema({
    player: table({ public: true }, { id: t.u8().primaryKey(), name: t.string() }),
    tag: table({ public: true }, { of: t.u8() }),
    unit: table({ public: true }, { nothing: t.unit() }),
  }),
}).tables.map(rowShape);
const shapeOf = (tableId: number): RowShape => {
  const shape = shapes[tableId];
  if (shape === undefined) throw new ForerunError('frame-invalid', `there is no table ${tableId}`);
  return shape;
};

const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString('hex');
const bytesOf = (text: string) => Uint8Array.from(Buffer.from(text.replaceAll(' ', ''), 'hex'));
const seq = (n: number) => n as Seq;
const callId = (n: number) => n as CallId;
const clientId = '000102030405060708090a0b0c0d0e0f' as ClientId;
const epoch = 'f0f1f2f3f4f5f6f7' as Epoch;

/** Every message of the wire, and its bytes. Whoever changes one of these changes the protocol. */
const clientMessages: readonly (readonly [ClientMessage, string])[] = [
  [
    {
      type: 'hello',
      version: protocolVersion,
      moduleHash: 'ab',
      clientId,
      token: '',
      position: undefined,
      settledCallId: callId(0),
      subscriptions: [],
    },
    '01 05 020000006162 000102030405060708090a0b0c0d0e0f 00000000 00 00 00',
  ],
  [
    {
      type: 'hello',
      version: protocolVersion,
      moduleHash: 'ab',
      clientId,
      token: 't',
      position: { epoch, seq: seq(300) },
      settledCallId: callId(128),
      subscriptions: [
        { subscriptionId: 1, queries: ['q', ''] },
        { subscriptionId: 2, queries: [] },
      ],
    },
    '01 05 020000006162 000102030405060708090a0b0c0d0e0f 0100000074 01f0f1f2f3f4f5f6f7ac02 8001 02 01 02 0100000071 00000000 02 00',
  ],
  [
    {
      type: 'call',
      callId: callId(1),
      reducerId: 2,
      timestampMicros: 0x0102030405,
      idHints: [{ tableId: 3, column: 4, first: 257n }],
      args: Uint8Array.of(9, 8),
    },
    '02 01 02 0504030201000000 01 03 04 0101000000000000 02 0908',
  ],
  [
    { type: 'call', callId: callId(1), reducerId: 0, timestampMicros: 0, idHints: [], args: new Uint8Array() },
    '02 01 00 0000000000000000 00 00',
  ],
  [{ type: 'subscribe', subscription: { subscriptionId: 5, queries: ['q'] } }, '03 05 01 0100000071'],
  [{ type: 'unsubscribe', subscriptionId: 5 }, '04 05'],
  [{ type: 'acknowledge', seq: seq(6), callId: callId(7) }, '05 06 07'],
  [{ type: 'ping', sentMs: 1.5 }, '06 000000000000f83f'],
];

const serverMessages: readonly (readonly [ServerMessage, string])[] = [
  [
    {
      type: 'welcome',
      epoch,
      seq: seq(1),
      resumed: true,
      lastCallId: callId(2),
      identity: 3n,
      connectionId: 4n,
      token: 't',
      databaseIdentity: 5n,
      authorityMicros: 6,
    },
    `01 f0f1f2f3f4f5f6f7 01 01 02 03${'00'.repeat(31)} 04${'00'.repeat(15)} 0100000074 05${'00'.repeat(31)} 0600000000000000`,
  ],
  [
    {
      type: 'batch',
      lastSeq: seq(9),
      outcomes: [
        { type: 'committed', callId: callId(1), seq: seq(8) },
        { type: 'unchanged', callId: callId(2) },
        { type: 'rejected', callId: callId(3), rejection: { code: 'call-rejected', message: 'No' } },
      ],
      commits: [
        {
          seq: seq(8),
          timestampMicros: 258,
          ownCallId: callId(1),
          changes: [
            { tableId: 0, key: 7, before: undefined, after: { id: 7, name: 'A' } },
            { tableId: 0, key: 6, before: undefined, after: undefined },
          ],
        },
        {
          seq: seq(9),
          timestampMicros: 0,
          ownCallId: undefined,
          changes: [{ tableId: 1, key: '\u0005', before: undefined, after: undefined }],
        },
      ],
    },
    '02 09 03 01 00 01 02 01 03 02 0d00000063616c6c2d72656a6563746564 020000004e6f 02 01 0201000000000000 02 00 01 07 0100000041 00 00 06 00 0000000000000000 01 01 00 05',
  ],
  [{ type: 'batch', lastSeq: seq(0), outcomes: [], commits: [] }, '02 00 00 00'],
  [
    { type: 'snapshot', subscriptionId: 1, tableId: 0, totalRows: 300, rows: [{ id: 7, name: 'A' }] },
    '03 01 00 ac02 01 07 0100000041',
  ],
  [{ type: 'snapshot', subscriptionId: 1, tableId: 2, totalRows: 1, rows: [{ nothing: {} }] }, '03 01 02 01 01'],
  [{ type: 'applied', subscriptionId: 1, seq: seq(2) }, '04 01 02'],
  [{ type: 'subscriptionRefused', subscriptionId: 1, message: 'No' }, '05 01 020000004e6f'],
  [{ type: 'lease', tableId: 1, column: 2, from: 3n, to: 1n << 63n }, '06 01 02 0300000000000000 0000000000000080'],
  [{ type: 'pong', sentMs: 1.5, authorityMicros: 6 }, '07 000000000000f83f 0600000000000000'],
  [{ type: 'error', code: 'internal', message: 'No' }, '08 08000000696e7465726e616c 020000004e6f'],
  [
    {
      type: 'ephemeral',
      callId: callId(300),
      completeTables: [],
      changes: [{ tableId: 0, key: 7, before: undefined, after: { id: 7, name: 'A' } }],
    },
    '09 ac02 00 01 00 01 07 0100000041',
  ],
  [
    {
      type: 'ephemeral',
      callId: undefined,
      completeTables: [0, 1],
      changes: [{ tableId: 0, key: 6, before: undefined, after: undefined }],
    },
    '09 00 02 00 01 01 00 00 06',
  ],
  [
    {
      type: 'staged',
      subscriptionId: 3,
      lastSeq: seq(300),
      commits: [
        {
          seq: seq(299),
          timestampMicros: 6,
          ownCallId: undefined,
          changes: [{ tableId: 0, key: 7, before: undefined, after: { id: 7, name: 'A' } }],
        },
      ],
    },
    '0a 03 ac02 01 01 0600000000000000 01 00 01 07 0100000041',
  ],
  [{ type: 'leaving', subscriptionId: 3, tableId: 0, keys: [7, 8] }, '0b 03 00 02 07 08'],
  [{ type: 'ended', subscriptionId: 3, seq: seq(2) }, '0c 03 02'],
  [
    { type: 'check', seq: seq(300), tables: [{ tableId: 1, rows: 200, sum: 0x0102030405060708n }] },
    '0d ac02 01 01 c801 0807060504030201',
  ],
  [
    {
      type: 'module',
      outline: {
        hash: 'ab',
        tables: [
          { tableId: 0, name: 't', kind: 'stored', columns: [{ name: 'a', type: 'u8' }], primaryKey: 0 },
          { tableId: 300, name: '', kind: 'view', columns: [], primaryKey: undefined },
        ],
        reducers: [{ reducerId: 2, name: 'r', params: [{ name: 'p', type: 'i8' }] }],
      },
    },
    '0e 020000006162 02 00 0100000074 00 01 0100000061 020000007538 01 ac02 00000000 03 00 00 01 02 0100000072 01 0100000070 020000006938',
  ],
];

const readClient = (bytes: Uint8Array) => read(bytes, decodeClientMessage);
const readServer = (bytes: Uint8Array) => read(bytes, (reader) => decodeServerMessage(reader, shapeOf));

function read<T>(bytes: Uint8Array, decode: (reader: ByteReader) => T): T {
  const reader = new ByteReader(bytes);
  const message = decode(reader);
  reader.expectEnd();
  return message;
}

function writeClient(message: ClientMessage): Uint8Array {
  const writer = new ByteWriter();
  encodeClientMessage(writer, message);
  return writer.take();
}

describe('the bytes of a message', () => {
  it.each(clientMessages.map(([message, text]) => ({ message, text })))(
    '[WIR-1] of a client: $message.type',
    ({ message, text }) => {
      expect(hex(writeClient(message))).toBe(text.replaceAll(' ', ''));
      expect(rendered(readClient(bytesOf(text)))).toBe(rendered(message));
    },
  );

  it.each(serverMessages.map(([message, text]) => ({ message, text })))(
    '[WIR-1] of an authority: $message.type',
    ({ message, text }) => {
      expect(rendered(readServer(bytesOf(text)))).toBe(rendered(message));
      // These are put together in core/session from bytes that are there.
      if (/^(?:batch|snapshot|ephemeral|staged|leaving)$/.test(message.type)) return;
      const writer = new ByteWriter();
      encodeServerMessage(writer, message as Exclude<ServerMessage, RowsFrame>);
      expect(hex(writer.take())).toBe(text.replaceAll(' ', ''));
    },
  );

  it('are here for every message that there is', () => {
    const tags = (list: readonly (readonly [unknown, string])[]) => [
      ...new Set(list.map(([, text]) => Number.parseInt(text, 16))),
    ];
    expect(tags(clientMessages)).toEqual(Object.values(clientTag));
    expect(tags(serverMessages)).toEqual(Object.values(serverTag));
  });

  it('are the same for each outcome, wherever it stands', () => {
    const outcomes: readonly (readonly [Outcome, string])[] = [
      [{ type: 'committed', callId: callId(300), seq: seq(1) }, 'ac02 00 08'],
      [{ type: 'unchanged', callId: callId(1) }, '01 01'],
      [
        { type: 'rejected', callId: callId(1), rejection: { code: 'internal' as never, message: '' } },
        '01 02 08000000696e7465726e616c 00000000',
      ],
    ];
    for (const [outcome, text] of outcomes) {
      const writer = new ByteWriter();
      encodeOutcome(writer, outcome, seq(9));
      expect(hex(writer.take())).toBe(text.replaceAll(' ', ''));
    }
  });
});

describe('any message of a client', () => {
  const number = fc.oneof(fc.nat(300), fc.maxSafeNat());
  const text = fc.string({ unit: 'binary', maxLength: 20 });
  const object = <T>(model: { readonly [K in keyof T]: fc.Arbitrary<T[K]> }) =>
    fc.record<T>(model, { noNullPrototype: true });
  const bytes = (length: number) => fc.uint8Array({ minLength: length, maxLength: length }).map(hex);
  const subscription = object({ subscriptionId: number, queries: fc.array(text, { maxLength: 3 }) });
  const position = object({ epoch: bytes(8).map((each) => each as Epoch), seq: number.map(seq) });
  const message: fc.Arbitrary<ClientMessage> = fc.oneof(
    object({
      type: fc.constant('hello' as const),
      version: fc.constant(protocolVersion),
      moduleHash: text,
      clientId: bytes(16).map((each) => each as ClientId),
      token: text,
      position: fc.option(position, { nil: undefined }),
      settledCallId: number.map(callId),
      subscriptions: fc.array(subscription, { maxLength: 3 }),
    }),
    object({
      type: fc.constant('call' as const),
      callId: number.map(callId),
      reducerId: number,
      timestampMicros: number,
      idHints: fc.array(object({ tableId: number, column: number, first: fc.bigInt(0n, (1n << 64n) - 1n) }), {
        maxLength: 3,
      }),
      args: fc.uint8Array({ maxLength: 300 }),
    }),
    object({ type: fc.constant('subscribe' as const), subscription }),
    object({ type: fc.constant('unsubscribe' as const), subscriptionId: number }),
    object({ type: fc.constant('acknowledge' as const), seq: number.map(seq), callId: number.map(callId) }),
    object({ type: fc.constant('ping' as const), sentMs: fc.double({ noNaN: true }).map((each) => each + 0) }),
  );

  it('[WIR-1] [WIR-5] is read back as it was, several in one frame too, and refused when cut short', () => {
    fc.assert(
      fc.property(fc.array(message, { minLength: 1, maxLength: 4 }), fc.nat(), (list, cut) => {
        const writer = new ByteWriter();
        for (const each of list) encodeClientMessage(writer, each);
        const frame = writer.take();
        const reader = new ByteReader(frame);
        const messages: ClientMessage[] = [];
        while (reader.remaining > 0) messages.push(decodeClientMessage(reader));
        expect(rendered(messages)).toBe(rendered(list));
        const [first] = list as [ClientMessage];
        const alone = writeClient(first);
        const short = alone.subarray(0, cut % alone.length);
        expect(() => readClient(short)).toThrow(expect.objectContaining({ code: 'frame-invalid' }));
      }),
    );
  });
});

describe('any bytes', () => {
  const frame = fc.oneof(
    arbitraryBytes(),
    fc.tuple(fc.nat(9), arbitraryBytes()).map(([tag, rest]) => Uint8Array.of(tag, ...rest)),
    fc
      .tuple(fc.constantFrom(...clientMessages, ...serverMessages), fc.nat(), fc.nat(255))
      .map(([[, text], at, byte]) => {
        const bytes = bytesOf(text);
        bytes[at % bytes.length] = byte;
        return bytes;
      }),
  );

  it('[WIR-4] are messages or refused as invalid, by either side', () => {
    fc.assert(
      fc.property(frame, (bytes) => {
        for (const decode of [readClient, readServer]) {
          try {
            expect(decode(bytes)).toBeDefined();
          } catch (error) {
            expect(['frame-invalid', 'protocol-mismatch']).toContain((error as ForerunError).code);
          }
        }
      }),
      { numRuns: 2_000 },
    );
  });

  it.each<[string, string]>([
    ['an unknown tag', '00'],
    ['an unknown tag', '0a'],
    ['tables without end', '09 00 ffffffff0f'],
    ['a list that can not be there', '03 01 ffffffff0f'],
    ['a commit before the first', '02 01 01 01 00 02 00'],
    ['a commit of a batch before the first', '02 01 00 01 02 0000000000000000 00'],
    ['an unknown outcome', '02 01 01 01 03'],
    ['rows without end', '03 01 02 01 ffffffffffffff07'],
    ['rows of a table that is not there', '03 01 09 01 01 00'],
    ['a change of an unknown kind', '02 01 00 01 00 0000000000000000 01 00 03 07'],
  ])('that say %s are refused', (_, text) => {
    expect(() => readServer(bytesOf(text))).toThrow(expect.objectContaining({ code: 'frame-invalid' }));
  });

  it('[WIR-7] that begin as a hello of another version are refused for that, whatever follows', () => {
    for (const version of [oldestProtocolVersion - 1, protocolVersion + 1]) {
      const bytes = Uint8Array.of(clientTag.hello, version, 0xff, 0xff);
      expect(() => readClient(bytes)).toThrow(expect.objectContaining({ code: 'protocol-mismatch' }));
    }
  });
});

describe('the protocol', () => {
  /** Of what the messages hold and how it is written, at each version. A version that clients have is never changed. */
  const locked: Readonly<Record<number, string>> = {
    1: '0ecc1ac371f4ba98',
    2: '61625f8d297525c1',
    3: '1c145b678687023e',
    4: '520d1c03307e4168',
    5: '1a619ef9898753c0',
  };

  it('[WIR-3] has a new version, and a line in its history, when a message changes', () => {
    const source = (name: string) => readFileSync(new URL(name, import.meta.url), 'utf8');
    const withoutComments = source('./messages.ts')
      .replaceAll(/\/\*[\s\S]*?\*\//g, '')
      .replaceAll(/\s+/g, ' ');
    const layout = /client → authority[\s\S]*?\*\//.exec(source('./frame.ts'))?.[0] ?? '';
    const golden = [...clientMessages, ...serverMessages].map(([, text]) => text).join('\n');
    const hash = createHash('sha256').update([withoutComments, layout, golden].join('\n')).digest('hex');
    expect(hash.slice(0, 16)).toBe(locked[protocolVersion]);
    const history = [...source('./version.ts').matchAll(/^ \* \| (\d+) \| \S/gm)].map(([, version]) => Number(version));
    expect(history).toEqual(Object.keys(locked).map(Number));
    expect(history.at(-1)).toBe(protocolVersion);
  });
});
