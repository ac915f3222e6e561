/**
 * Recordings of real people typing (github.com/josephg/editing-traces), as calls of the pad: each edit with what its
 * author had seen of the others. They are no part of this checkout: `FORERUN_RECORDINGS` names their folder, else they
 * are looked for in `../shared/data`.
 */

import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';

export interface RecordedEdit {
  /** From 0. */
  readonly agent: number;
  /** From 1, of this agent. */
  readonly edit: number;
  /** Edits of each agent that are in the text it was made on. */
  readonly seen: readonly number[];
  readonly changes: readonly { readonly at: number; readonly remove: number; readonly insert: string }[];
}

export interface Recording {
  readonly edits: readonly RecordedEdit[];
  readonly agents: number;
  readonly endText: string;
}

type Patch = readonly [at: number, remove: number, insert: string];

/** What the files hold; several authors' transactions name those they follow, one author's are in order. */
interface RecordingFile {
  readonly endContent: string;
  readonly numAgents?: number;
  readonly txns: readonly {
    readonly parents?: readonly number[];
    readonly agent?: number;
    readonly patches: readonly Patch[];
  }[];
}

function pathOf(name: string): string {
  const folder = process.env['FORERUN_RECORDINGS'] ?? join(import.meta.dirname, '../../../shared/data');
  return join(folder, `${name}.json.gz`);
}

export function hasRecording(name: string): boolean {
  return existsSync(pathOf(name));
}

export function readRecording(name: string): Recording {
  const {
    endContent,
    numAgents = 1,
    txns,
  }: RecordingFile = JSON.parse(gunzipSync(readFileSync(pathOf(name))).toString('utf8'));
  /** After each transaction: how many edits of each agent its text contains. */
  const after: number[][] = [];
  const edits = txns.map(({ parents = after.length === 0 ? [] : [after.length - 1], agent = 0, patches }) => {
    const seen = Array.from({ length: numAgents }, (_, each) =>
      Math.max(0, ...parents.map((parent) => after[parent]?.[each] ?? 0)),
    );
    const edit = (seen[agent] ?? 0) + 1;
    after.push(seen.with(agent, edit));
    return { agent, edit, seen, changes: patches.map(([at, remove, insert]) => ({ at, remove, insert })) };
  });
  return { edits, agents: numAgents, endText: endContent };
}
