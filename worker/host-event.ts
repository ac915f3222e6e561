/** Everything that happens to a host, from its pages, the authority, its device; and how its connection stands. */

import type { CallId } from '../core/commit/call.ts';
import type { ForerunError } from '../core/errors.ts';
import type { ModuleDefinition } from '../core/module/definition.ts';
import type { ServerMessage, WelcomeMessage } from '../core/protocol/messages.ts';
import type {
  ClientStatus,
  CommonStatus,
  HostCall,
  HostSubscription,
  PageAnswer,
  WatchRequest,
} from './client/host-api.ts';
import type { PageFeed } from './page-feed.ts';

export type LoopEvent =
  | { readonly type: 'call'; readonly page: PageFeed; readonly request: HostCall }
  | { readonly type: 'watch'; readonly page: PageFeed; readonly request: WatchRequest }
  | { readonly type: 'answer'; readonly answer: PageAnswer }
  | { readonly type: 'subscribe'; readonly page: PageFeed; readonly request: HostSubscription }
  | { readonly type: 'unsubscribe'; readonly page: PageFeed; readonly subscriptionId: number }
  | { readonly type: 'welcomed'; readonly welcome: WelcomeMessage }
  | { readonly type: 'received'; readonly messages: readonly ServerMessage[] }
  | { readonly type: 'lost'; readonly error: ForerunError; readonly retryMs: number | undefined }
  | { readonly type: 'stored'; readonly callId: CallId }
  | { readonly type: 'settled'; readonly callId: CallId }
  | { readonly type: 'unkept'; readonly error: ForerunError }
  | { readonly type: 'adopt'; readonly definition: ModuleDefinition }
  /** The connection has been lost for a while. */
  | { readonly type: 'alone' }
  | { readonly type: 'refresh' };

/** How the connection stands; the rest of a status is the same for all of them. */
export type LinkStatus = ClientStatus extends infer S
  ? S extends ClientStatus
    ? Omit<S, keyof CommonStatus>
    : never
  : never;
