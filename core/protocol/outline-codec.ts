/**
 * A module's outline as bytes. Lists, texts and varints are as in `frame.ts`.
 *
 *     outline = text hash, list table, list reducer
 *     table   = varint tableId, text name, u8 kind, list named, varint primaryKey + 1, or 0 for none
 *     kind    = 0 stored, 1 event, 2 ephemeral, 3 view
 *     reducer = varint reducerId, text name, list named
 *     named   = text name, text type as `core/module/type-text.ts` writes it
 */

import type { ByteReader, ByteWriter } from '../codec/bytes.ts';
import {
  type ModuleOutline,
  type NamedType,
  type ReducerOutline,
  type TableOutline,
  tableKinds,
} from '../module/module-outline.ts';
import { list } from './lists.ts';

export function encodeOutline(writer: ByteWriter, { hash, tables, reducers }: ModuleOutline): void {
  writer.string(hash);
  writer.varint(tables.length);
  for (const { tableId, name, kind, columns, primaryKey } of tables) {
    writer.varint(tableId);
    writer.string(name);
    writer.u8(tableKinds.indexOf(kind));
    encodeNamed(writer, columns);
    writer.varint(primaryKey === undefined ? 0 : primaryKey + 1);
  }
  writer.varint(reducers.length);
  for (const { reducerId, name, params } of reducers) {
    writer.varint(reducerId);
    writer.string(name);
    encodeNamed(writer, params);
  }
}

export function decodeOutline(reader: ByteReader): ModuleOutline {
  return { hash: reader.string(), tables: list(reader, decodeTable), reducers: list(reader, decodeReducer) };
}

function decodeTable(reader: ByteReader): TableOutline {
  const tableId = reader.varint();
  const name = reader.string();
  const kindNumber = reader.u8();
  const kind = tableKinds[kindNumber] ?? reader.refuse(`a table of the unknown kind ${kindNumber}`);
  const columns = decodeNamed(reader);
  const key = reader.varint();
  return { tableId, name, kind, columns, primaryKey: key === 0 ? undefined : key - 1 };
}

function decodeReducer(reader: ByteReader): ReducerOutline {
  return { reducerId: reader.varint(), name: reader.string(), params: decodeNamed(reader) };
}

function encodeNamed(writer: ByteWriter, named: readonly NamedType[]): void {
  writer.varint(named.length);
  for (const { name, type } of named) {
    writer.string(name);
    writer.string(type);
  }
}

function decodeNamed(reader: ByteReader): NamedType[] {
  return list(reader, () => ({ name: reader.string(), type: reader.string() }));
}
