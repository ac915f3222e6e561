/** Lists on the wire: a count, and the elements. */

import type { ByteReader } from '../codec/bytes.ts';
import { limits } from '../limits.ts';

/** Every element takes at least a byte, but for `emptyMax` of them: a count beyond what is left is a lie. */
export function list<T>(reader: ByteReader, element: (reader: ByteReader) => T, emptyMax = 0): T[] {
  return elements(reader, reader.varint(), element, emptyMax);
}

export function elements<T>(reader: ByteReader, count: number, element: (reader: ByteReader) => T, emptyMax = 0): T[] {
  if (count > reader.remaining + emptyMax) reader.refuse(`a list of ${count} elements in ${reader.remaining} bytes`);
  const list: T[] = [];
  for (let i = 0; i < count; i++) list.push(element(reader));
  return list;
}

/** Of what nobody may ask for more of. */
export function asked<T>(reader: ByteReader, element: (reader: ByteReader) => T): T[] {
  const count = reader.varint();
  if (count > limits.subscriptionsMax)
    reader.refuse(`${count} subscriptions or queries, of at most ${limits.subscriptionsMax} (subscriptionsMax)`);
  return elements(reader, count, element);
}
