import type { Random } from '../random.js';
import type { World } from '../world.js';

/** A kind of fault. */
export interface Nemesis {
  readonly name: string;
  /** How often it is drawn, beside the others. */
  readonly weight: number;
  /**
   * Does harm for a bounded time, and undoes what would last.
   *
   * @returns whether the fault really happened: there may have been nothing to hit
   */
  act(world: World, random: Random): Promise<boolean>;
}
