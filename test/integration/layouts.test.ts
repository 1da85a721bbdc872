import { describe, expect, test } from 'vitest';
import type { Layout } from '../../src/layout/layout.js';
import { distinctPartitions, Layouts } from '../../src/layout/layouts.js';
import { createKeys } from '../../src/redis/keys.js';
import { place } from '../support/tally.js';

describe('the layouts in use', () => {
  async function begin(announced: readonly string[] = []) {
    const here = place();
    const keys = createKeys(here);
    if (announced.length > 0) {
      await here.client.sadd(keys.partitionCounts, ...announced);
    }
    const faults: string[] = [];
    const masters = { faultOf: () => Promise.resolve(faults[0]) };
    const layoutsOf = (isCluster: boolean, partitions?: number) =>
      new Layouts({ redis: here.client, keys, masters }, { isCluster, prefix: here.prefix, partitions });
    return { here, keys, faults, layoutsOf };
  }
  const countsOf = (layouts: readonly Layout[]) => layouts.map(({ count }) => count);

  test('are what was announced, and on one server queues that are not split, too', async () => {
    const { layoutsOf } = await begin(['16', '4', 'x', '0', '257']);

    expect(countsOf(await layoutsOf(false).read())).toEqual([undefined, 4, 16]);
    expect(countsOf(await layoutsOf(false, 8).read())).toEqual([undefined, 4, 16]);
    expect(countsOf(await layoutsOf(true, 8).read())).toEqual([4, 16]);
  });

  test('are what this process was told while nobody has announced any: 8 partitions in a Cluster unless told', async () => {
    const { layoutsOf } = await begin();

    expect(countsOf(await layoutsOf(false).read())).toEqual([undefined]);
    expect(countsOf(await layoutsOf(false, 3).read())).toEqual([undefined, 3]);
    expect(countsOf(await layoutsOf(true).read())).toEqual([8]);
  });

  test('hold that of this process itself, once it is announced', async () => {
    const { layoutsOf } = await begin(['16']);
    const layouts = layoutsOf(true, 4);
    await layouts.announce();

    expect(await layouts.read()).toContain(layouts.configured);
    expect(countsOf(await layouts.read())).toEqual([4, 16]);
  });

  test('are as they were read last while the master does not answer that knows them', async () => {
    const { here, keys, faults, layoutsOf } = await begin(['2', '16']);
    const layouts = layoutsOf(true, 4);

    faults.push('it is unreachable');
    expect([countsOf(await layouts.known()), layouts.areKnown]).toEqual([[4], false]);
    faults.pop();
    expect([countsOf(await layouts.known()), layouts.areKnown]).toEqual([[2, 16], true]);
    faults.push('it is unreachable');
    await here.client.sadd(keys.partitionCounts, '3');
    expect([countsOf(await layouts.known()), layouts.areKnown]).toEqual([[2, 16], true]);
  });

  test('have a partition in common when both have one in the middle', async () => {
    const { layoutsOf } = await begin(['1', '3']);

    expect(distinctPartitions(await layoutsOf(true).read())).toHaveLength(3);
  });
});
