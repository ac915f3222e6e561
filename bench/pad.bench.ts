/**
 * `npm run bench -- pad`: the 260,000 edits of somebody who wrote a paper, typed again by one Node client as fast as the
 * authority answers: predicted, sent, run by a server process and durable. Beside it, as a floor, the same edits on a
 * string in memory.
 */

import { mkdtemp, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connect } from 'forerun/client';
import * as pad from '../demo/pad/module.ts';
import { hasRecording, readRecording, type Recording } from '../test/pad/recording.ts';
import { Typist } from '../test/pad/typist.ts';
import { startChild } from './transfer/processes.ts';

export async function run(): Promise<void> {
  if (!hasRecording('automerge-paper')) {
    console.error('The recording automerge-paper is not here: name its folder in FORERUN_RECORDINGS.');
    process.exitCode = 2;
    return;
  }
  const recording = readRecording('automerge-paper');
  const folder = await mkdtemp(join(tmpdir(), 'forerun-pad-'));
  const server = startChild('../pad/server.ts', [folder]);
  const { url } = await server.message<{ url: string }>('listening');
  const client = connect({ module: pad, url, guard: false });
  await client.ready();
  const typist = new Typist(client, recording, 0);
  const startedAt = performance.now();
  const cpu = process.cpuUsage();
  typist.due(recording.edits.length);
  await typist.done;
  const seconds = (performance.now() - startedAt) / 1_000;
  const clientMicros = process.cpuUsage(cpu).user;
  server.process.send('report');
  const { cpuMicros } = await server.message<{ cpuMicros: number }>('report');
  if ((await typist.text()) !== recording.endText) throw new Error('the text is not the one that was written');
  await client.close();
  server.process.send('stop');
  await server.exited;
  const { size } = await stat(join(folder, 'main.sqlite'));
  await rm(folder, { recursive: true });
  const edits = recording.edits.length;
  console.log(
    JSON.stringify({
      bench: 'pad',
      edits,
      edits_per_second: Math.round(edits / seconds),
      client_cpu_us_per_edit: round(clientMicros / edits),
      server_cpu_us_per_edit: round(cpuMicros / edits),
      file_bytes_per_edit: Math.round(size / edits),
      string_us_per_edit: round(stringMicros(recording) / edits),
    }),
  );
}

function stringMicros({ edits, endText }: Recording): number {
  const startedAt = performance.now();
  let text = '';
  for (const { changes } of edits)
    for (const { at, remove, insert } of changes) text = text.slice(0, at) + insert + text.slice(at + remove);
  if (text !== endText) throw new Error('the recording does not end as it says');
  return (performance.now() - startedAt) * 1_000;
}

function round(value: number): number {
  return Math.round(value * 10) / 10;
}
