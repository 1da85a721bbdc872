import type { Node } from '../redis/connect-once.js';
import type { Finding } from '../redis/requirements.js';

/** The masters that could be reached, and what was found on the way to them. */
export interface Masters {
  readonly nodes: readonly Node[];
  readonly findings: readonly Finding[];
  readonly isCluster: boolean;
  /** The master of a slot, of those that could be reached. */
  masterOf(slot: number): Node | undefined;
}

/** What is left when no master can be reached. */
export function noMasters(findings: readonly Finding[]): Masters {
  return { nodes: [], findings, isCluster: false, masterOf: () => undefined };
}
