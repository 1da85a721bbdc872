import jsonc from 'jsonc-parser';
import { pathText } from '../operations/update.js';
import { Problem, problemAt } from '../web/problems.js';

/** Deeper than any update: a transaction in an array of updates takes 9 levels. */
const MAX_DEPTH = 32;

/** Names that mean more to JavaScript than a property. */
const FORBIDDEN_KEYS = new Set(['__proto__', 'constructor', 'prototype']);

/** A double keeps so many digits of any number. */
const EXACT_DIGITS = 15;

/**
 * Reads JSON and refuses what `JSON.parse` lets pass with a meaning that the sender may not have had in mind: a
 * name given twice in one object, a number that would be rounded, names such as `__proto__`, depth without end.
 *
 * @throws Problem `INVALID_JSON` or, for a number, `INVALID_PARAMS`
 */
export function parseStrictJson(text: string): unknown {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw new Problem('INVALID_JSON', `the body is not JSON: ${(error as Error).message}`);
  }
  // To find the place of a fault takes 20 times as long as to find that there is none.
  if (namesIn(text) !== namesOf(value)) {
    inspect(text);
  }
  return value;
}

const [QUOTE, BACKSLASH, COLON, DOT] = [0x22, 0x5c, 0x3a, 0x2e] as const;
const DIGIT_BEFORE_EXPONENT = /[0-9][eE]/;

/**
 * How many names of properties stand in this valid JSON: as many as colons outside of strings. Undefined when there is
 * a number with a fraction or an exponent, to be looked at.
 */
function namesIn(text: string): number | undefined {
  const mayHaveExponent = DIGIT_BEFORE_EXPONENT.test(text);
  let names = 0;
  for (let at = 0; at < text.length; at += 1) {
    const character = text.charCodeAt(at);
    if (character === QUOTE) {
      at = endOfString(text, at);
    } else if (character === COLON) {
      names += 1;
    } else if (character === DOT || (mayHaveExponent && isExponent(text, at))) {
      return undefined;
    }
  }
  return names;
}

/** Where the string that begins here ends. */
function endOfString(text: string, start: number): number {
  let end = start;
  do {
    end = text.indexOf('"', end + 1);
  } while (isEscaped(text, end));
  return end;
}

/** After an odd number of backslashes. */
function isEscaped(text: string, at: number): boolean {
  let before = at - 1;
  while (text.charCodeAt(before) === BACKSLASH) {
    before -= 1;
  }
  return (at - before) % 2 === 0;
}

/** An `e` after a digit; others are of `true` and `false`. */
function isExponent(text: string, at: number): boolean {
  return /[eE]/.test(text.charAt(at)) && /\d/.test(text.charAt(at - 1));
}

/**
 * How many names of properties a value has: fewer than its JSON when that gave one twice. NaN when one of them is
 * forbidden or the value is too deep.
 */
function namesOf(value: unknown, depth = 0): number {
  if (typeof value !== 'object' || value === null) {
    return 0;
  }
  if (depth === MAX_DEPTH) {
    return Number.NaN;
  }
  let names = 0;
  if (Array.isArray(value)) {
    for (const item of value) {
      names += namesOf(item, depth + 1);
    }
    return names;
  }
  for (const [name, item] of Object.entries(value)) {
    names += FORBIDDEN_KEYS.has(name) ? Number.NaN : 1 + namesOf(item, depth + 1);
  }
  return names;
}

function inspect(text: string): void {
  const objects: Set<string>[] = [];
  let depth = 0;
  const descend = () => {
    depth += 1;
    if (depth > MAX_DEPTH) {
      throw problemAt('INVALID_JSON', '', `must not nest deeper than ${MAX_DEPTH} levels`, 'TOO_DEEP');
    }
  };
  jsonc.visit(text, {
    onObjectBegin: () => {
      descend();
      objects.push(new Set());
    },
    onObjectEnd: () => {
      depth -= 1;
      objects.pop();
    },
    onArrayBegin: descend,
    onArrayEnd: () => {
      depth -= 1;
    },
    onObjectProperty: (name, _offset, _length, _line, _character, parent) => {
      const names = objects.at(-1);
      if (names?.has(name)) {
        throw problemAt('INVALID_JSON', pathText([...parent(), name]), 'is given twice: give it once', 'DUPLICATE_KEY');
      }
      if (FORBIDDEN_KEYS.has(name)) {
        throw problemAt('INVALID_JSON', pathText([...parent(), name]), 'is not a name to use', 'FORBIDDEN_KEY');
      }
      names?.add(name);
    },
    onLiteralValue: (value, offset, length, _line, _character, path) => {
      const literal = text.slice(offset, offset + length);
      if (typeof value === 'number' && isRounded(literal)) {
        const message = `${literal.slice(0, 40)} can't be kept exactly: write a whole number within +-(2^53 - 1)`;
        throw problemAt('INVALID_PARAMS', pathText(path()), message);
      }
    },
  });
}

/** Whether a fraction is lost: `1.00000000000000000001` would become 1. Whole numbers are checked by their range. */
function isRounded(literal: string): boolean {
  if (!/[.e]/i.test(literal)) {
    return false;
  }
  const digits = literal.replace(/e.*$/i, '').replace(/\D/g, '').replace(/^0+/, '');
  return digits.length > EXACT_DIGITS || (digits !== '' && Number(literal) === 0);
}
