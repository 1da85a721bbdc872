import type { Operation } from '../../src/operations/operation.js';
import type { BuiltInOperation } from '../../src/operations/registry.js';
import { createProducer } from '../../src/producers/producer.js';
import type { Producer } from '../../src/producers/producer.js';
import type { ProducerOptions } from '../../src/producers/producer-options.js';

/** Reverts updates. Its producer is made when it is first needed: most dashboards never revert anything. */
export class Reverter {
  #producer: Producer<BuiltInOperation | Operation> | undefined;

  constructor(private readonly options: ProducerOptions<Operation>) {}

  readonly revert = (id: string): Promise<{ readonly id: string }> => {
    this.#producer ??= createProducer(this.options);
    return this.#producer.revert(id);
  };

  async close(): Promise<void> {
    await this.#producer?.close();
  }
}
