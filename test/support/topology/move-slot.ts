import type { ClusterNode } from './cluster-node.js';

const MIGRATE_TIMEOUT_MS = 5_000;

export interface MoveSlotOptions {
  /** Keys moved at once. @defaultValue 10 */
  readonly batch?: number;
  /** Awaited after each batch: until it resolves the slot stays half moved, its keys on both masters. */
  readonly between?: () => Promise<void>;
}

interface Move extends MoveSlotOptions {
  readonly slot: number;
  readonly from: ClusterNode;
  readonly to: ClusterNode;
  readonly otherMasters: readonly ClusterNode[];
}

/** Moves one slot with its keys to another master while clients use it, in the documented order of commands. */
export async function moveSlot({ slot, from, to, otherMasters, batch = 10, between }: Move): Promise<void> {
  await to.run('CLUSTER', 'SETSLOT', slot, 'IMPORTING', from.id);
  await from.run('CLUSTER', 'SETSLOT', slot, 'MIGRATING', to.id);
  for (;;) {
    const keys = (await from.connection.callBuffer('CLUSTER', 'GETKEYSINSLOT', slot, batch)) as Buffer[];
    if (keys.length === 0) {
      break;
    }
    const target = ['127.0.0.1', to.port, '', 0, MIGRATE_TIMEOUT_MS, ...from.migration];
    await from.run('MIGRATE', ...target, 'KEYS', ...keys);
    await between?.();
  }
  // The target first: were the source first, a slot with no owner would answer for a moment.
  for (const master of [to, from, ...otherMasters]) {
    await master.run('CLUSTER', 'SETSLOT', slot, 'NODE', to.id);
  }
}
