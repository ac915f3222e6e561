/** Bytes written and read one value at a time: what every frame, record and row goes through. */

export { ByteReader } from './byte-reader.ts';
export { ByteWriter } from './byte-writer.ts';
