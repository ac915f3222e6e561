import { expect, test } from 'vitest';
import type { Writable } from 'node:stream';
import * as ws from 'ws';
import { webSocketFrame } from './web-socket-frame.ts';

/** ws's own, which its types leave out. */
const Receiver: new (options: object) => Writable = Reflect.get(ws, 'Receiver');

test.each([0, 1, 125, 126, 127, 65_535, 65_536, 70_000])(
  'a payload of %i bytes is read from its frame',
  async (length) => {
    const payload = Uint8Array.from({ length }, (_, i) => i % 251);
    const receiver = new Receiver({ isServer: false, binaryType: 'nodebuffer' });
    const message = new Promise<Buffer>((resolve, reject) => {
      receiver.once('message', resolve);
      receiver.once('error', reject);
    });
    receiver.write(webSocketFrame(payload));
    expect(Buffer.compare(await message, payload)).toBe(0);
  },
);

test('the header is as RFC 6455 has it', () => {
  expect(webSocketFrame(Uint8Array.of(7, 8)).toString('hex')).toBe('82020708');
  expect(webSocketFrame(new Uint8Array(300)).subarray(0, 4).toString('hex')).toBe('827e012c');
  expect(webSocketFrame(new Uint8Array(65_537)).subarray(0, 10).toString('hex')).toBe('827f0000000000010001');
});
