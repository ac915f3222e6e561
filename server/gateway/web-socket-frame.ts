/**
 * The bytes of a binary WebSocket frame as a server sends it: whole, not masked, not compressed (RFC 6455, 5.2).
 *
 *     82 · length below 126 as u8, or 7e and u16, or 7f and u64, big-endian · payload
 *
 * ws hands header and payload to the kernel apart; in one buffer they are one plain write, and a frame for many sockets
 * is put together once.
 */

const binaryFrame = 0x82;

export function webSocketFrame(payload: Uint8Array): Buffer {
  const { length } = payload;
  const header = length < 126 ? 2 : length < 0x1_0000 ? 4 : 10;
  const frame = Buffer.allocUnsafe(header + length);
  frame[0] = binaryFrame;
  if (header === 2) frame[1] = length;
  else if (header === 4) {
    frame[1] = 126;
    frame.writeUInt16BE(length, 2);
  } else {
    frame[1] = 127;
    frame.writeUInt32BE(0, 2);
    frame.writeUInt32BE(length, 6);
  }
  frame.set(payload, header);
  return frame;
}
