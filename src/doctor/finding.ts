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
