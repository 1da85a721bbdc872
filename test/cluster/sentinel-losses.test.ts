import { expect, test } from 'vitest';
import { runLosses } from './sentinel-losses/run.js';

/** `SENTINEL_LOSSES_SECONDS=600` for a long run; `sentinel-losses/main.ts` has all settings. */
const SECONDS = Number(process.env['SENTINEL_LOSSES_SECONDS'] ?? 20);

test.each([1, 2])(
  'with %i replicas, all of which confirm, nothing that was told is lost with a master, however it is replaced',
  { timeout: SECONDS * 1_000 + 180_000 },
  async (replicas) => {
    const { strikes, applied, lostAccepted, lostApplied, doubled } = await runLosses({
      replicas,
      replicasToConfirm: replicas,
      seconds: SECONDS,
      seed: 11,
      events: ['failover', 'blink', 'behind', 'freeze', 'kill'],
    });
    expect(strikes).toBeGreaterThan(1);
    expect(applied).toBeGreaterThan(100);
    expect({ lostAccepted, lostApplied, doubled }).toEqual({ lostAccepted: [], lostApplied: [], doubled: 0 });
  },
);
