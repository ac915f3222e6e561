/** Who this client is to the authority: its id and token, and once it has been welcomed its identity and connection. */

import type { ClientId } from '../core/commit/call.ts';
import type { Environment } from '../core/environment.ts';
import type { HelloMessage, WelcomeMessage } from '../core/protocol/messages.ts';
import { ConnectionId } from '../core/value/connection-id.ts';
import { Identity } from '../core/value/identity.ts';
import { type HostStart, newClientId } from './start.ts';

export class Credentials {
  readonly #environment: Environment;
  #clientId: ClientId;
  #token: string;
  #identity: Identity | undefined;
  #connectionId: ConnectionId | null = null;

  constructor({ clientId, token, identity }: HostStart, environment: Environment) {
    this.#environment = environment;
    this.#clientId = clientId;
    this.#token = token;
    this.#identity = identity === undefined ? undefined : Identity.fromString(identity);
  }

  get clientId(): ClientId {
    return this.#clientId;
  }

  get identity(): Identity | undefined {
    return this.#identity;
  }

  get connectionId(): ConnectionId | null {
    return this.#connectionId;
  }

  /** For a hello. */
  present(): Pick<HelloMessage, 'clientId' | 'token'> {
    // Someone new is given another identity each time, and the id may belong to the one of a lost welcome. No call has
    // been sent under it.
    if (this.#token === '' && this.#identity === undefined) this.#clientId = newClientId(this.#environment);
    return { clientId: this.#clientId, token: this.#token };
  }

  /** `introduced`: it was nobody before, and has a token now. `stranger`: it is not who it was, and nothing has changed. */
  welcomed(welcome: WelcomeMessage): 'known' | 'introduced' | 'stranger' {
    const identity = new Identity(welcome.identity);
    if (this.#identity?.isEqual(identity) === false) return 'stranger';
    this.#identity = identity;
    this.#connectionId = new ConnectionId(welcome.connectionId);
    if (welcome.token === '') return 'known';
    this.#token = welcome.token;
    return 'introduced';
  }
}
