/**
 * Who connects: tokens to identities, and the one door to jose.
 *
 * A newcomer is given an identity and a token that proves it, signed with a key which is made on the first start and
 * stays in the data folder. Identities derive from a token's issuer and subject as SpacetimeDB's do, so that the same
 * user is the same identity in both. Tokens are never logged and never repeated in an error.
 */

import { existsSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { blake3 } from '@noble/hashes/blake3.js';
import { utf8ToBytes } from '@noble/hashes/utils.js';
import { type CryptoKey, errors, exportJWK, generateKeyPair, importJWK, type JWK, jwtVerify, SignJWT } from 'jose';
import type { Entropy } from '../../core/environment.ts';
import { ForerunError } from '../../core/errors.ts';
import { Identity } from '../../core/value/identity.ts';

export interface Authenticator {
  /**
   * Who shows this token; for an empty one a new identity and its token. Throws `token-invalid`. `token` is empty when
   * the one shown stays good.
   */
  readonly authenticate: (token: string) => Promise<{ identity: Identity; token: string }>;
}

export interface AuthenticatorOptions {
  /** Where the key is kept; absent: the key lives as long as the authenticator. */
  readonly keyFile?: string;
  readonly entropy: Entropy;
}

const algorithm = 'ES256';
const issuer = 'forerun';
const tokenLengthMax = 8192;

/** Throws `data-folder-unusable` when the key can't be read or made. */
export async function openAuthenticator({ keyFile, entropy }: AuthenticatorOptions): Promise<Authenticator> {
  const { privateKey, publicKey } =
    keyFile === undefined ? await generateKeyPair(algorithm) : await storedKeys(keyFile);
  return {
    authenticate: async (token) => {
      if (token === '') return issue();
      const subject = await verified(token);
      return { identity: identityOf(issuer, subject), token: '' };
    },
  };

  async function issue(): Promise<{ identity: Identity; token: string }> {
    const subject = Buffer.from(entropy.fill(new Uint8Array(16))).toString('hex');
    const identity = identityOf(issuer, subject);
    const token = await new SignJWT({ hex_identity: identity.toHexString() })
      .setProtectedHeader({ alg: algorithm })
      .setIssuer(issuer)
      .setSubject(subject)
      .setIssuedAt()
      .sign(privateKey);
    return { identity, token };
  }

  async function verified(token: string): Promise<string> {
    try {
      if (token.length > tokenLengthMax) throw new errors.JWTInvalid(`longer than ${tokenLengthMax}`);
      const { payload } = await jwtVerify(token, publicKey, {
        algorithms: [algorithm],
        issuer,
        requiredClaims: ['sub'],
      });
      return String(payload.sub);
    } catch {
      throw new ForerunError(
        'token-invalid',
        'This authority did not issue the token. Connect with the one that it gave, or without any to be someone new.',
      );
    }
  }
}

/** The one who has the data folder, and so the key: sees all, and reads the diagnostics. */
export const ownerIdentity: Identity = identityOf(issuer, 'owner');

/** A token by which the holder of the key file is its databases' owner. Throws `data-folder-unusable`. */
export async function ownerToken(keyFile: string): Promise<string> {
  const { privateKey } = await storedKeys(keyFile);
  return new SignJWT({ hex_identity: ownerIdentity.toHexString() })
    .setProtectedHeader({ alg: algorithm })
    .setIssuer(issuer)
    .setSubject('owner')
    .setIssuedAt()
    .setExpirationTime('10 minutes')
    .sign(privateKey);
}

/**
 * `0xc200`, a checksum of four bytes, and the first 26 bytes of the BLAKE3 of `issuer|subject`, most significant first:
 * SpacetimeDB's `Identity::from_claims`.
 */
export function identityOf(tokenIssuer: string, subject: string): Identity {
  const prefix = [0xc2, 0x00];
  const hash = blake3(utf8ToBytes(`${tokenIssuer}|${subject}`)).subarray(0, 26);
  const checksum = blake3(Uint8Array.from([...prefix, ...hash])).subarray(0, 4);
  return new Identity(Buffer.from([...prefix, ...checksum, ...hash]).toString('hex'));
}

interface KeyPair {
  readonly privateKey: CryptoKey;
  readonly publicKey: CryptoKey;
}

async function storedKeys(path: string): Promise<KeyPair> {
  try {
    if (!existsSync(path)) await makeKeys(path);
    const jwk = JSON.parse(readFileSync(path, 'utf8')) as JWK;
    if (jwk.kty !== 'EC' || typeof jwk.d !== 'string') throw new Error('it is no private key of an elliptic curve');
    const { d: _, ...publicJwk } = jwk;
    // For elliptic curves jose makes keys of the Web Crypto API, never the bare bytes of symmetric ones.
    return {
      privateKey: (await importJWK(jwk, algorithm)) as CryptoKey,
      publicKey: (await importJWK({ ...publicJwk, key_ops: ['verify'] }, algorithm)) as CryptoKey,
    };
  } catch (cause) {
    if (cause instanceof ForerunError) throw cause;
    // The cause may quote the file, which is a secret.
    throw new ForerunError(
      'data-folder-unusable',
      `The key that signs tokens, ${path}, can't be read or made. Restore it from a backup; without it, every client has to become someone new.`,
    );
  }
}

/** Under another name first, so that a stop half way does not leave half a key. */
async function makeKeys(path: string): Promise<void> {
  const { privateKey } = await generateKeyPair(algorithm, { extractable: true });
  const jwk = { ...(await exportJWK(privateKey)), alg: algorithm };
  writeFileSync(`${path}.new`, `${JSON.stringify(jwk)}\n`, { mode: 0o600, flush: true });
  renameSync(`${path}.new`, path);
}
