import { randomBytes } from 'node:crypto';
import { expect, test } from 'vitest';
import { ConfigurationError } from '../../src/errors.js';
import { newSigningSecret, parseSealingKeys, Seal, SealedError } from '../../src/subscribers/webhooks/seal.js';

const [KEY, OTHER] = [randomBytes(32), randomBytes(32)];

test('a sealed secret shows nothing of it, and opens for what it was sealed for', () => {
  const seal = new Seal([KEY]);
  const secret = newSigningSecret();
  const sealed = seal.seal(secret, 'wh_1');
  expect(sealed).not.toContain(secret.slice(6, 20));
  expect(seal.seal(secret, 'wh_1')).not.toBe(sealed);
  expect(seal.open(sealed, 'wh_1')).toBe(secret);
});

test('it does not open for something else, with another key, or when a character was changed', () => {
  const seal = new Seal([KEY]);
  const sealed = seal.seal('secret', 'wh_1');
  expect(() => seal.open(sealed, 'wh_2')).toThrow(SealedError);
  expect(() => new Seal([OTHER]).open(sealed, 'wh_1')).toThrow(/another key/);
  for (let at = sealed.lastIndexOf('.') + 1; at < sealed.length - 1; at += 3) {
    const changed = sealed.slice(0, at) + (sealed[at] === 'A' ? 'B' : 'A') + sealed.slice(at + 1);
    expect(() => seal.open(changed, 'wh_1')).toThrow(SealedError);
  }
  for (const text of ['', 'secret', '1.0.x', sealed.slice(0, -30)]) {
    expect(() => seal.open(text, 'wh_1')).toThrow(SealedError);
  }
});

test('a key is replaced: the new one seals, the old one still opens', () => {
  const sealed = new Seal([KEY]).seal('secret', 'wh_1');
  const both = new Seal([OTHER, KEY]);
  expect(both.open(sealed, 'wh_1')).toBe('secret');
  expect(() => new Seal([KEY]).open(both.seal('secret', 'wh_1'), 'wh_1')).toThrow(SealedError);
});

test('keys are 32 bytes in base64', () => {
  expect(parseSealingKeys(`${KEY.toString('base64')}, ${OTHER.toString('base64')}`)).toEqual([KEY, OTHER]);
  for (const text of ['', 'secret', KEY.toString('hex'), `${KEY.toString('base64')},`]) {
    expect(() => parseSealingKeys(text)).toThrow(ConfigurationError);
  }
});
