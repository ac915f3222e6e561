/** The example of docs/protocol.md, read by the codec that the wire is read with. */

import { expect, test } from 'vitest';
import { ByteReader, ByteWriter } from '../../core/codec/bytes.ts';
import type { CallId, ClientId, Epoch, Seq } from '../../core/commit/call.ts';
import {
  decodeClientMessage,
  decodeServerMessage,
  encodeClientMessage,
  encodeServerMessage,
} from '../../core/protocol/frame.ts';
import type { ClientMessage, RowsFrame, ServerMessage } from '../../core/protocol/messages.ts';
import { protocolVersion, subprotocol } from '../../core/protocol/version.ts';
import { outlineOf } from '../../core/module/module-outline.ts';
import { TableHash } from '../../core/replica/state-hash.ts';
import { definition, hexBlocks, readPage, shapeOf } from './example.testing.ts';

const page = readPage('protocol.md');
const frames = hexBlocks(page);

function messagesOf({ kind, bytes }: (typeof frames)[number]): (ClientMessage | ServerMessage)[] {
  const reader = new ByteReader(bytes);
  const messages: (ClientMessage | ServerMessage)[] = [];
  while (reader.remaining > 0)
    messages.push(kind === 'client' ? decodeClientMessage(reader) : decodeServerMessage(reader, shapeOf));
  return messages;
}

const clientId = '00112233445566778899aabbccddeeff' as ClientId;
const epoch = '0123456789abcdef' as Epoch;
const seq = (number: number) => number as Seq;
const callId = (number: number) => number as CallId;
const subscriptions = [{ subscriptionId: 1, queries: ['SELECT * FROM "player"'] }];
const callMicros = 1_800_000_000_500_000;
const again = [{ subscriptionId: 2, queries: ['SELECT * FROM "player" WHERE "score" < 9'] }];
const adaChange = { tableId: 0, key: 1n, before: undefined, after: { id: 1n, name: 'Ada', score: 5 } };
const hello = {
  type: 'hello',
  version: protocolVersion,
  moduleHash: definition.hash,
  clientId,
  subscriptions,
} as const;

const meant: readonly (readonly (ClientMessage | ServerMessage)[])[] = [
  [{ ...hello, token: '', position: undefined, settledCallId: callId(0) }],
  [
    {
      type: 'welcome',
      epoch,
      seq: seq(7),
      resumed: false,
      lastCallId: callId(0),
      identity: 0xa1n,
      connectionId: 0xc2n,
      token: 'ticket',
      databaseIdentity: 0xdbn,
      authorityMicros: 1_800_000_000_000_000,
    },
  ],
  [
    { type: 'snapshot', subscriptionId: 0, tableId: 0, totalRows: 1, rows: [{ id: 1n, name: 'Ada', score: 3 }] },
    { type: 'applied', subscriptionId: 0, seq: seq(7) },
    { type: 'lease', tableId: 0, column: 0, from: 257n, to: 513n },
  ],
  [
    {
      type: 'call',
      callId: callId(1),
      reducerId: 0,
      timestampMicros: callMicros,
      idHints: [{ tableId: 0, column: 0, first: 257n }],
      args: Uint8Array.of(2, 0, 0, 0, 0x42, 0x6f),
    },
    { type: 'ping', sentMs: 1000 },
  ],
  [
    { type: 'pong', sentMs: 1000, authorityMicros: 1_800_000_000_520_000 },
    {
      type: 'batch',
      lastSeq: seq(8),
      outcomes: [{ type: 'committed', callId: callId(1), seq: seq(8) }],
      commits: [
        {
          seq: seq(8),
          timestampMicros: callMicros,
          ownCallId: callId(1),
          changes: [{ tableId: 0, key: 257n, before: undefined, after: { id: 257n, name: 'Bo', score: 0 } }],
        },
      ],
    },
  ],
  [{ type: 'acknowledge', seq: seq(8), callId: callId(1) }],
  [
    {
      type: 'batch',
      lastSeq: seq(10),
      outcomes: [],
      commits: [
        {
          seq: seq(9),
          timestampMicros: 1_800_000_001_000_000,
          ownCallId: undefined,
          changes: [{ tableId: 0, key: 1n, before: undefined, after: { id: 1n, name: 'Ada', score: 4 } }],
        },
        {
          seq: seq(10),
          timestampMicros: 1_800_000_001_000_000,
          ownCallId: undefined,
          changes: [{ tableId: 0, key: 257n, before: undefined, after: undefined }],
        },
      ],
    },
  ],
  [{ type: 'check', seq: seq(10), tables: [{ tableId: 0, rows: 1, sum: 523_123_744_527_885_741n }] }],
  [
    {
      type: 'subscribe',
      subscription: { subscriptionId: 2, queries: ['SELECT * FROM "player" WHERE "score" < 9'] },
    },
    { type: 'unsubscribe', subscriptionId: 1 },
  ],
  [
    { type: 'applied', subscriptionId: 2, seq: seq(10) },
    { type: 'leaving', subscriptionId: 1, tableId: 0, keys: [2n] },
    { type: 'ended', subscriptionId: 1, seq: seq(10) },
  ],
  [
    {
      type: 'staged',
      subscriptionId: 3,
      lastSeq: seq(11),
      commits: [{ seq: seq(11), timestampMicros: 1_800_000_001_000_000, ownCallId: undefined, changes: [adaChange] }],
    },
  ],
  [{ type: 'ephemeral', callId: undefined, completeTables: [], changes: [adaChange] }],
  [
    {
      type: 'batch',
      lastSeq: seq(10),
      outcomes: [{ type: 'rejected', callId: callId(2), rejection: { code: 'call-rejected', message: 'No.' } }],
      commits: [],
    },
    { type: 'error', code: 'log-unavailable', message: 'Later.' },
  ],
  [{ ...hello, token: 'ticket', position: { epoch, seq: seq(10) }, settledCallId: callId(2), subscriptions: again }],
  [
    {
      type: 'module',
      outline: {
        hash: 'fedcba9876543210fedcba9876543210',
        tables: outlineOf(definition, '').tables.map((table) => ({ ...table, tableId: 1 })),
        reducers: outlineOf(definition, '').reducers.map((reducer) => ({ ...reducer, reducerId: 2 })),
      },
    },
  ],
];

test('[WIR-2] the frames of the example say what the page says they do', () => {
  expect(frames.map(messagesOf)).toEqual(meant);
});

test('[WIR-2] the messages of the example are written as the page shows them', () => {
  for (const [i, { kind, bytes }] of frames.entries()) {
    const messages = meant[i] ?? [];
    // Batches and snapshots are put together by the session, from bytes it has.
    if (messages.some(({ type }) => /^(?:batch|snapshot|ephemeral|staged|leaving)$/.test(type))) continue;
    const writer = new ByteWriter();
    for (const message of messages) {
      if (kind === 'client') encodeClientMessage(writer, message as ClientMessage);
      else encodeServerMessage(writer, message as Exclude<ServerMessage, RowsFrame>);
    }
    expect(writer.take()).toEqual(bytes);
  }
});

test('[WIR-2] the sum of the example is the hash of its row', () => {
  const hash = new TableHash(shapeOf(0));
  hash.page([{ id: 1n, name: 'Ada', score: 4 }], undefined, seq(10));
  hash.reached(seq(10));
  expect(meant).toContainEqual([{ type: 'check', seq: 10, tables: [{ tableId: 0, ...hash.asOf(seq(10)) }] }]);
});

test('the page names every message, and the subprotocol', () => {
  const rows = [...page.matchAll(/^\| (\d+) \| (\w+) \|/gm)].map(([, tag, name]) => `${name} ${tag}`);
  expect(rows).toEqual([
    ...['hello 1', 'call 2', 'subscribe 3', 'unsubscribe 4', 'acknowledge 5', 'ping 6'],
    ...[
      'welcome 1',
      'batch 2',
      'snapshot 3',
      'applied 4',
      'subscriptionRefused 5',
      'lease 6',
      'pong 7',
      'error 8',
      'ephemeral 9',
      'staged 10',
      'leaving 11',
      'ended 12',
      'check 13',
      'module 14',
    ],
  ]);
  expect(page).toContain(`\`${subprotocol}\``);
});
