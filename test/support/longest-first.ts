import { createHash } from 'node:crypto';
import { BaseSequencer } from 'vitest/node';
import type { TestSequencerConstructor, TestSpecification } from 'vitest/node';

/**
 * The order of the files of a suite: these first, as one of them that began last would run alone; the others in an order that the seed of
 * the run gives, since none may depend on what ran before.
 *
 * @param longest - ends of paths without `.test.ts`, the one that takes longest first
 */
export function longestFirst(longest: readonly string[]): TestSequencerConstructor {
  return class extends BaseSequencer {
    override sort(files: TestSpecification[]): Promise<TestSpecification[]> {
      const { seed } = this.ctx.config.sequence;
      const orderOf = ({ moduleId }: TestSpecification): string => {
        const place = longest.findIndex((name) => moduleId.endsWith(`${name}.test.ts`));
        const drawn = createHash('sha1').update(`${seed} ${moduleId}`).digest('hex');
        return place === -1 ? `~${drawn}` : String(place).padStart(3, '0');
      };
      const ordered = files.map((file) => ({ file, order: orderOf(file) }));
      ordered.sort((one, other) => (one.order < other.order ? -1 : 1));
      return Promise.resolve(ordered.map(({ file }) => file));
    }
  };
}
