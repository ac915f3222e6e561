/** What the tests of the command line share: a module, and commands run in this process with what they print taken down. */

import { schema, SenderError, t, table } from 'forerun';
import { stripVTControlCharacters } from 'node:util';
import { vi } from 'vitest';
import { exitWith } from './failure.ts';
import { program } from './program.ts';

const item = table(
  { public: true },
  { id: t.u64().primaryKey().autoInc(), text: t.string(), done: t.bool(), by: t.option(t.identity()) },
);
const secret = table({}, { word: t.string().unique(), weight: t.f64() });
const store = schema({ item, secret });

export const shop = {
  default: store,
  add: store.reducer({ text: t.string() }, (ctx, { text }) => {
    if (text === '') throw new SenderError('There is nothing to add.');
    console.log(`adding ${text}`);
    ctx.db.item.insert({ id: 0n, text, done: false, by: undefined });
  }),
  toggle: store.reducer({ id: t.u64() }, (ctx, { id }) => {
    const row = ctx.db.item.id.find(id);
    if (row !== null) ctx.db.item.id.update({ ...row, done: !row.done });
  }),
  tick: store.reducer({ predict: false }, () => {
    console.warn('tick');
  }),
  open: store.anonymousView({ public: true }, t.array(item.rowType), (ctx) =>
    ctx.from.item.where((each) => each.done.eq(false)),
  ),
};

export interface Said {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

/** A command that goes on, and what it has said so far. */
export class Command {
  readonly ended: Promise<Said>;
  out = '';
  err = '';

  constructor(...args: readonly string[]) {
    const out = vi.spyOn(process.stdout, 'write').mockImplementation((text) => {
      this.out += stripVTControlCharacters(String(text));
      return true;
    });
    const err = vi.spyOn(process.stderr, 'write').mockImplementation((text) => {
      this.err += stripVTControlCharacters(String(text));
      return true;
    });
    const codeBefore = process.exitCode;
    process.exitCode = undefined;
    this.ended = program()
      .parseAsync(args, { from: 'user' })
      .catch((error: unknown) => exitWith(error, args.includes('--verbose')))
      .then(() => ({ code: Number(process.exitCode ?? 0), out: this.out, err: this.err }))
      .finally(() => {
        process.exitCode = codeBefore;
        out.mockRestore();
        err.mockRestore();
      });
  }
}

export function run(...args: readonly string[]): Promise<Said> {
  return new Command(...args).ended;
}
