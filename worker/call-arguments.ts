/** A module's arguments on the client: checked as they come from a page, and as bytes for the authority and the device. */

import { type Codec, compileCodec, type ProductValue } from '../core/codec/bsatn.ts';
import { ByteWriter } from '../core/codec/bytes.ts';
import { type Canonical, compileCanonical } from '../core/codec/canonical.ts';
import type { Call } from '../core/commit/call.ts';
import { ForerunError } from '../core/errors.ts';
import type { ReducerDefinition } from '../core/module/definition.ts';

export type CheckedArguments = { readonly args: ProductValue } | { readonly refusal: string };

export class CallArguments {
  readonly #codecs: readonly Codec[];
  readonly #checks: readonly Canonical<ProductValue>[];

  constructor(reducers: readonly ReducerDefinition[]) {
    this.#codecs = reducers.map(({ params }) => compileCodec(params));
    this.#checks = reducers.map(({ params }) => compileCanonical(params, 'args-invalid'));
  }

  /** A page in development has checked them too; one in production has not. */
  checked({ reducerId, accessor }: ReducerDefinition, args: unknown): CheckedArguments {
    try {
      return { args: this.#checks[reducerId]?.(args, accessor) ?? {} };
    } catch (error) {
      if (error instanceof ForerunError) return { refusal: error.message };
      throw error;
    }
  }

  encoded({ reducerId, args }: Call): Uint8Array {
    const writer = new ByteWriter();
    this.#codecs[reducerId]?.encode(writer, args);
    return writer.take();
  }
}
