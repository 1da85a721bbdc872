import fc from 'fast-check';
import { expect, test } from 'vitest';
import { parseStrictJson } from '../../src/api/strict-json.js';

/** JSON as it is written, so that a name can stand twice in an object. */
type Written = string | readonly Written[] | { readonly members: readonly (readonly [string, Written])[] };

/** Few and odd, so that they meet, and hold what looks like JSON. */
const name = fc.constantFrom('a', 'b', '', '"', ':', 'a:1', '\\', '\\"', '{"a":1}', '1e5', 'e', '.5', 'ä', '😀');
const literal = fc.oneof(
  fc.constantFrom('true', 'false', 'null', '0', '-7', '9007199254740993'),
  name.map((text) => JSON.stringify(text)),
);

const { written } = fc.letrec<{ written: Written }>((tie) => ({
  written: fc.oneof(
    { depthSize: 'small' },
    literal,
    fc.array(tie('written'), { maxLength: 4 }),
    fc.record({ members: fc.array(fc.tuple(name, tie('written')), { maxLength: 4 }) }),
  ),
}));

function textOf(json: Written, nameText: (name: string) => string): string {
  if (typeof json === 'string') {
    return json;
  }
  return 'members' in json
    ? `{ ${json.members.map(([key, value]) => `${nameText(key)} : ${textOf(value, nameText)}`).join(' , ')} }`
    : `[ ${json.map((item) => textOf(item, nameText)).join(' , ')} ]`;
}

function repeatsAName(json: Written): boolean {
  if (typeof json === 'string') {
    return false;
  }
  if (!('members' in json)) {
    return json.some(repeatsAName);
  }
  const names = json.members.map(([key]) => key);
  return new Set(names).size < names.length || json.members.some(([, value]) => repeatsAName(value));
}

/** Every character as an escape: the same name, written otherwise. */
function escaped(text: string): string {
  const units = Array.from({ length: text.length }, (_, at) => text.charCodeAt(at).toString(16).padStart(4, '0'));
  return `"${units.map((unit) => `\\u${unit}`).join('')}"`;
}

function refusal(text: string): unknown {
  try {
    parseStrictJson(text);
    return undefined;
  } catch (error) {
    return error;
  }
}

test('JSON is refused exactly when an object in it gives a name twice, however the names are written', () => {
  fc.assert(
    fc.property(written, fc.boolean(), (json, escape) => {
      const text = textOf(json, escape ? escaped : (key) => JSON.stringify(key));
      const twice = repeatsAName(json);
      expect(refusal(text)).toEqual(
        twice ? expect.objectContaining({ message: expect.stringContaining('given twice') as string }) : undefined,
      );
      if (!twice) {
        expect(parseStrictJson(text)).toEqual(JSON.parse(text));
      }
    }),
    { numRuns: 3_000 },
  );
});

test.each(['1.00000000000000000001', '-1e-400', '1E-400', '0.30000000000000000004'])(
  'the number %s, which would be rounded, is refused wherever it stands',
  (number) => {
    for (const text of [number, `[${number}]`, `{"a":[1,{"e":${number}}]}`, `["1e5",true,${number}]`]) {
      expect(refusal(text)).toMatchObject({ code: 'INVALID_PARAMS' });
    }
  },
);

test.each(['1.5', '1e3', '-2E+2', '0.1'])('the number %s, which is kept, is read', (number) => {
  expect(parseStrictJson(`{"a":[${number},"x"],"b":false}`)).toEqual({ a: [Number(number), 'x'], b: false });
});

test('32 levels are read and 33 are refused, of arrays as of objects', () => {
  for (const [open, close] of [
    ['[', ']'],
    ['{"a":', '}'],
  ] as const) {
    const nested = (levels: number) => `${open.repeat(levels - 1)}[]${close.repeat(levels - 1)}`;
    expect(refusal(nested(32))).toBeUndefined();
    expect(refusal(nested(33))).toMatchObject({ code: 'INVALID_JSON' });
  }
});

test.each(['__proto__', 'constructor', 'prototype'])('the name %s is refused at any depth', (forbidden) => {
  for (const text of [`{"${forbidden}":1}`, `[{"a":{"${forbidden}":{}}}]`]) {
    expect(refusal(text)).toMatchObject({ code: 'INVALID_JSON' });
  }
});
