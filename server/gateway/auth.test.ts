import { readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { inspect } from 'node:util';
import { SignJWT } from 'jose';
import { describe, expect, test } from 'vitest';
import { nodeEnvironment } from '../environment.ts';
import { scratchFolder } from '../log/storage.testing.ts';
import { identityOf, openAuthenticator } from './auth.ts';

const { entropy } = nodeEnvironment();

describe('tokens', () => {
  test('someone without a token becomes someone new, and is the same again with the token', async () => {
    const { authenticate } = await openAuthenticator({ entropy });
    const [one, other] = [await authenticate(''), await authenticate('')];
    expect(one.identity.isEqual(other.identity)).toBe(false);
    expect(one.token).not.toBe('');
    const again = await authenticate(one.token);
    expect(again.identity.isEqual(one.identity)).toBe(true);
    expect(again.token).toBe('');
  });

  test('tokens stay good over a restart, with a key that only its owner can read', async () => {
    const keyFile = join(scratchFolder(), 'token-key.json');
    const { identity, token } = await (await openAuthenticator({ keyFile, entropy })).authenticate('');
    expect(statSync(keyFile).mode & 0o777).toBe(0o600);
    const again = await (await openAuthenticator({ keyFile, entropy })).authenticate(token);
    expect(again.identity.isEqual(identity)).toBe(true);
  });

  test('whatever this authority did not sign is refused, and not repeated in the error', async () => {
    const { authenticate } = await openAuthenticator({ entropy });
    const foreign = (await (await openAuthenticator({ entropy })).authenticate('')).token;
    const own = (await authenticate('')).token;
    const [head, , signature] = own.split('.');
    const forged = [head, Buffer.from('{"iss":"forerun","sub":"me"}').toString('base64url'), signature].join('.');
    const unsigned = `${Buffer.from('{"alg":"none"}').toString('base64url')}.${own.split('.')[1]}.`;
    const symmetric = await new SignJWT({})
      .setProtectedHeader({ alg: 'HS256' })
      .setIssuer('forerun')
      .setSubject('me')
      .sign(new Uint8Array(32));
    for (const token of [foreign, forged, unsigned, symmetric, 'nonsense', `${own}x`, 'x'.repeat(100_000), '\0']) {
      const refusal = authenticate(token);
      await expect(refusal).rejects.toMatchObject({ code: 'token-invalid' });
      await expect(refusal).rejects.not.toMatchObject({ message: expect.stringContaining(token.slice(0, 20)) });
    }
  });

  test('a key file that is no key is refused and left as it is, and its text is in no message', async () => {
    const keyFile = join(scratchFolder(), 'token-key.json');
    writeFileSync(keyFile, '{"kty":"EC","d":"secret');
    const error: unknown = await openAuthenticator({ keyFile, entropy }).catch((refusal: unknown) => refusal);
    expect(error).toMatchObject({ code: 'data-folder-unusable' });
    expect(inspect(error)).not.toContain('secret"');
    expect(inspect(error)).not.toContain('"secret');
    expect(readFileSync(keyFile, 'utf8')).toBe('{"kty":"EC","d":"secret');
  });
});

test('a key of another kind is refused at the start, not at the first client', async () => {
  const keyFile = join(scratchFolder(), 'token-key.json');
  for (const jwk of [{ kty: 'oct', k: 'c2VjcmV0' }, { kty: 'RSA', n: 'AQAB', e: 'AQAB' }, null, 1, []]) {
    writeFileSync(keyFile, JSON.stringify(jwk));
    await expect(openAuthenticator({ keyFile, entropy })).rejects.toMatchObject({ code: 'data-folder-unusable' });
  }
});

test('an identity is c200, a checksum, and a hash of issuer and subject', () => {
  const hex = identityOf('https://auth.example', 'someone').toHexString();
  expect(hex).toMatch(/^c200[0-9a-f]{60}$/);
  expect(identityOf('https://auth.example', 'someone').toHexString()).toBe(hex);
  expect(identityOf('https://auth.example', 'someone else').toHexString()).not.toBe(hex);
  expect(identityOf('https://auth.example|x', 'y').isEqual(identityOf('https://auth.example', 'x|y'))).toBe(true);
});
