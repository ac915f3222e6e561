/** A call as it comes in: not known to be new, nor to be one that may be made. */

import type { Call, CallId, IdHint, Rejection } from '../commit/call.ts';
import type { ReducerDefinition } from '../module/definition.ts';
import type { ConnectionId } from '../value/connection-id.ts';
import { isTime } from './admission.ts';
import type { ClientRecord } from './clients.ts';

export interface CallRequest {
  readonly callId: CallId;
  readonly reducerId: number;
  readonly timestampMicros: number;
  /** The authority's time when it came, where that is known: a frame of calls needs one look at the clock. */
  readonly receivedMicros?: number;
  /** Canonical arguments, or why they are none. */
  readonly args: { readonly value: unknown } | { readonly refused: Rejection };
  readonly connectionId: ConnectionId | null;
  readonly idHints: IdHint[];
}

/** Why the call can't be run at all, if it can't. */
export function refusalOf(reducer: ReducerDefinition | undefined, request: CallRequest): Rejection | undefined {
  if (reducer === undefined)
    return { code: 'reducer-unknown', message: `There is no reducer number ${request.reducerId} in this module.` };
  if (reducer.lifecycle !== undefined || reducer.scheduledTableId !== undefined) {
    return { code: 'reducer-not-callable', message: `The reducer '${reducer.name}' is called by the database only.` };
  }
  return 'refused' in request.args ? request.args.refused : undefined;
}

/** What is run of it, at the time that it was given. */
export function callOf(request: CallRequest, client: ClientRecord, args: unknown, timestampMicros: number): Call {
  return {
    clientId: client.clientId,
    callId: request.callId,
    reducerId: request.reducerId,
    args,
    timestampMicros,
    proposedMicros: isTime(request.timestampMicros) ? request.timestampMicros : timestampMicros,
    sender: client.identity,
    connectionId: request.connectionId,
    idHints: request.idHints,
  };
}
