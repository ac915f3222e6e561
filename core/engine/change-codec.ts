/**
 * Row changes as bytes: the one form they have in the log, on the wire and on a client's disk.
 *
 *     change = varint tableId, u8 op, body
 *     op 0 delete: body = BSATN of the primary key, or of the whole row in a table without one
 *     op 1 insert: body = BSATN of the row
 *     op 2 update: body = BSATN of the new row
 *
 * `before` does not travel: whoever applies a change knows the row it replaces.
 */

import type { ByteReader, ByteWriter } from '../codec/bytes.ts';
import type { Key, Row, RowChange } from '../commit/row-change.ts';
import type { RowShape } from './row-shape.ts';

export const changeOp = { delete: 0, insert: 1, update: 2 } as const;

export function encodeChange(writer: ByteWriter, change: RowChange, shape: RowShape): void {
  if (change.after === undefined) encodeLeave(writer, change, shape);
  else {
    writer.varint(change.tableId);
    writer.u8(change.before === undefined ? changeOp.insert : changeOp.update);
    shape.codec.encode(writer, change.after);
  }
}

/** The same bytes for a row that is gone and for one that is somebody's no longer. */
export function encodeLeave(writer: ByteWriter, { tableId, key }: RowChange, shape: RowShape): void {
  writer.varint(tableId);
  writer.u8(changeOp.delete);
  encodeKey(writer, key, shape);
}

/** A deleted row's key is known, its `before` is not. */
export function decodeChange(reader: ByteReader, shapeOf: (tableId: number) => RowShape): RowChange {
  const tableId = reader.varint();
  const shape = shapeOf(tableId);
  const op = reader.u8();
  if (op === changeOp.delete) return { tableId, key: decodeKey(reader, shape), before: undefined, after: undefined };
  if (op > changeOp.update) reader.refuse(`a row change of the unknown kind ${op}`);
  const after = shape.codec.decode(reader);
  return { tableId, key: shape.keyOf(after), before: undefined, after };
}

export function encodeKey(writer: ByteWriter, key: Key, shape: RowShape): void {
  if (shape.keyColumn === undefined) {
    const bytes = key as string;
    for (let i = 0; i < bytes.length; i++) writer.u8(bytes.charCodeAt(i));
  } else shape.keyColumn.codec.encode(writer, shape.keyColumn.valueOf(key));
}

export function decodeKey(reader: ByteReader, shape: RowShape): Key {
  if (shape.keyColumn === undefined) return shape.keyOf(shape.codec.decode(reader) as Row);
  return shape.keyColumn.keyOf(shape.keyColumn.codec.decode(reader));
}
