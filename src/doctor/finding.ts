import type { Finding } from '../redis/requirements.js';

export function ok(subject: string, message: string): Finding {
  return { level: 'ok', subject, message };
}

export function warning(subject: string, message: string): Finding {
  return { level: 'warning', subject, message };
}

export function fault(subject: string, message: string): Finding {
  return { level: 'error', subject, message };
}

/** "1 slot", "5,461 slots". */
export function count(number: number, what: string): string {
  return `${number.toLocaleString('en')} ${what}${number === 1 ? '' : 's'}`;
}

const UNITS = [
  ['day', 86_400_000],
  ['hour', 3_600_000],
  ['minute', 60_000],
] as const;

/** "3 hours": the largest unit of which there are two. */
export function duration(ms: number): string {
  const [unit, length] = UNITS.find(([, unitMs]) => ms >= 2 * unitMs) ?? ['second', 1_000];
  return count(Math.round(ms / length), unit);
}
