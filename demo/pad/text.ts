/** The text out of its rows, as a replica has them. */

import type { RowOf } from 'forerun';
import type { PadTables } from './tables.ts';

export type NodeRow = RowOf<PadTables['node']>;
export type ChunkRow = RowOf<PadTables['chunk']>;

/** The chunks in the order in which they are read. Rows that have not arrived yet are left out. */
export function chunksInOrder(nodes: readonly NodeRow[], chunks: readonly ChunkRow[]): ChunkRow[] {
  const nodesById = new Map(nodes.map((node) => [node.id, node]));
  const chunksById = new Map(chunks.map((chunk) => [chunk.id, chunk]));
  const ordered: ChunkRow[] = [];
  const visit = (id: number): void => {
    const node = nodesById.get(id);
    for (const entry of node?.entries ?? []) {
      const chunk = node?.height === 1 ? chunksById.get(entry.id) : undefined;
      if (chunk !== undefined) ordered.push(chunk);
      else if (node !== undefined && node.height > 1) visit(entry.id);
    }
  };
  visit(1);
  return ordered;
}

export function textOf(nodes: readonly NodeRow[], chunks: readonly ChunkRow[]): string {
  return chunksInOrder(nodes, chunks)
    .map(({ text }) => text)
    .join('');
}
