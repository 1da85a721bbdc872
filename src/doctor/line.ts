import type { Finding } from '../redis/requirements.js';

const SIGNS: Readonly<Record<Finding['level'], string>> = { ok: 'ok  ', warning: 'WARN', error: 'FAIL' };

const SUBJECT_WIDTH = 18;
const LINE_WIDTH = 100;

/** A finding as a line for people, broken where it is too long. */
export function lineOf({ level, subject, message }: Finding): string {
  const head = `${SIGNS[level]}  ${subject.padEnd(SUBJECT_WIDTH)}`;
  const lines = [''];
  for (const word of message.split(' ')) {
    const last = lines.at(-1) ?? '';
    if (last !== '' && head.length + last.length + 1 + word.length > LINE_WIDTH) {
      lines.push(word);
    } else {
      lines[lines.length - 1] = last === '' ? word : `${last} ${word}`;
    }
  }
  return head + lines.join(`\n${' '.repeat(head.length)}`);
}
