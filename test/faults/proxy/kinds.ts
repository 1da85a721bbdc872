import { createHash } from 'node:crypto';
import { createRequire } from 'node:module';
import { settleScript } from '../../../src/bullmq/scripts.js';
import type { Command } from './command.js';

/**
 * The commands that a fault can wait for: the script that applies updates, BullMQ's scripts that add a job and that
 * complete or fail one, the script that settles jobs, or any command at all.
 */
export type CommandKind = 'apply' | 'add' | 'complete' | 'settle' | 'any';

/** The SHA-1 of the script that a command runs, if any. A client not sure that Redis has it sends its text. */
export function scriptSha(name: string, { words: [, script = Buffer.alloc(0)] }: Command): string {
  return name === 'eval' ? sha1(script) : name === 'evalsha' ? script.toString().toLowerCase() : '';
}

function sha1(text: string | Buffer): string {
  return createHash('sha1').update(text).digest('hex');
}

/** The scripts of BullMQ that have a kind, by their names there. */
const BULLMQ_SCRIPTS: Readonly<Record<string, CommandKind>> = {
  addStandardJob: 'add',
  addDelayedJob: 'add',
  addPrioritizedJob: 'add',
  addParentJob: 'add',
  moveToFinished: 'complete',
};

/** What scripts are for, by their SHA-1s. */
export function scriptKinds(applyShas: readonly string[]): Map<string, CommandKind> {
  const kinds = new Map<string, CommandKind>([[settleScript().sha, 'settle']]);
  for (const sha of applyShas) {
    kinds.set(sha, 'apply');
  }
  // BullMQ does not export its scripts, and only their CommonJS files load in Node.
  const scripts = createRequire(import.meta.url)('bullmq/dist/cjs/scripts') as Record<string, { content: string }>;
  for (const [name, kind] of Object.entries(BULLMQ_SCRIPTS)) {
    const script = scripts[name];
    if (script === undefined) {
      throw new Error(`this version of BullMQ has no script "${name}"; see which one it uses now`);
    }
    kinds.set(sha1(script.content), kind);
  }
  return kinds;
}
