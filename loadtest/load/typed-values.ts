import { ConfigurationError } from '../../src/errors.js';
import { nearest } from '../../src/lib/nearest.js';
import { FAMILIES } from './cells.js';
import type { Family } from './result.js';

/** Reads what was typed on the command line. All of these throw a ConfigurationError that names the flag and a value that fits. */

export function wholeNumber(flag: string, text: string, min: number, max: number): number {
  const value = Number(text);
  if (!/^\d+$/.test(text) || value < min || value > max) {
    throw wrong(flag, text, `must be a whole number from ${min} to ${max}`);
  }
  return value;
}

export function decimal(flag: string, text: string, min: number, max: number): number {
  const value = Number(text);
  if (!/^\d+(\.\d+)?$/.test(text) || value < min || value > max) {
    throw wrong(flag, text, `must be a number from ${min} to ${max}`);
  }
  return value;
}

const UNITS_MS: Readonly<Record<string, number>> = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000 };

export function durationMs(flag: string, text: string, minMs: number, maxMs: number): number {
  const [, number, unit = ''] = /^(\d+(?:\.\d+)?)(ms|s|m|h)$/.exec(text) ?? [];
  const ms = Number(number) * (UNITS_MS[unit] ?? Number.NaN);
  if (!(ms >= minMs && ms <= maxMs)) {
    throw wrong(flag, text, `must be a time from ${shown(minMs)} to ${shown(maxMs)}, for example 500ms, 30s or 5m`);
  }
  return Math.round(ms);
}

function shown(ms: number): string {
  const units = Object.entries(UNITS_MS).reverse();
  const [unit, size] = units.find(([, unitMs]) => ms % unitMs === 0) ?? ['ms', 1];
  return `${ms / size}${unit}`;
}

/** From `20%` or `20` to 0.2. */
export function share(flag: string, text: string): number {
  const value = Number(text.replace(/%$/, ''));
  if (!/^\d+(\.\d+)?%?$/.test(text) || value > 100) {
    throw wrong(flag, text, 'must be a percentage from 0% to 100%');
  }
  return value / 100;
}

/** From `counter=60,xp=40` to shares that add up to 1. */
export function mix(flag: string, text: string): Record<Family, number> {
  const weights: Record<Family, number> = { counter: 0, inventory: 0, xp: 0, scores: 0 };
  for (const part of text.split(',')) {
    const [, name = '', weight = ''] = /^([a-z]+)=(\d+(?:\.\d+)?)$/.exec(part.trim()) ?? [];
    if (weight === '') {
      throw wrong(flag, text, 'must be shares such as counter=60,inventory=20,xp=10,scores=10');
    }
    weights[oneOf(flag, name, FAMILIES)] = Number(weight);
  }
  const sum = FAMILIES.reduce((total, family) => total + weights[family], 0);
  if (!(sum > 0 && Number.isFinite(sum))) {
    throw wrong(flag, text, 'must have a share above 0');
  }
  return {
    counter: weights.counter / sum,
    inventory: weights.inventory / sum,
    xp: weights.xp / sum,
    scores: weights.scores / sum,
  };
}

export function oneOf<Name extends string>(flag: string, text: string, known: readonly Name[]): Name {
  const found = known.find((name) => name === text);
  if (found === undefined) {
    const suggestion = nearest(text, known);
    const hint = suggestion === undefined ? '' : `; did you mean "${suggestion}"?`;
    throw new ConfigurationError(`${flag}: "${text}" is not one of ${known.join(', ')}${hint}`);
  }
  return found;
}

export function origin(flag: string, text: string): string {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  const isOrigin = url?.pathname === '/' && url.search === '' && url.username === '';
  if (url === undefined || !isOrigin || !['http:', 'https:'].includes(url.protocol)) {
    throw wrong(flag, text, 'must be the address of an API without a path, for example http://127.0.0.1:3000');
  }
  return url.origin;
}

function wrong(flag: string, text: string, what: string): ConfigurationError {
  return new ConfigurationError(`${flag} ${what}, but is "${text}"`);
}
