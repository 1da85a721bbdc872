import { mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { z } from 'zod';
import { ConfigurationError } from '../../src/errors.js';

const recordSchema = z.strictObject({
  file: z.string(),
  /** Rows from the first on whose outcomes are known. */
  done: z.int().min(0),
  /** Redis' time before which the latest row was sent, in ms. */
  sentAtMs: z.number(),
  isComplete: z.boolean(),
});

type Recorded = z.output<typeof recordSchema>;

/** How far an import has come, in the data folder: so that the same command goes on where it broke off. */
export class ImportRecord {
  readonly #path: string;

  constructor(dataDir: string, id: string) {
    this.#path = join(dataDir, 'imports', `${id}.json`);
  }

  /** @throws ConfigurationError when it can't be read */
  read(): Recorded | undefined {
    let text: string;
    try {
      text = readFileSync(this.#path, 'utf8');
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') {
        return undefined;
      }
      throw error;
    }
    try {
      return recordSchema.parse(JSON.parse(text));
    } catch (error) {
      throw new ConfigurationError(`${this.#path} does not say how far the import has come`, { cause: error });
    }
  }

  write(recorded: Recorded): void {
    mkdirSync(dirname(this.#path), { recursive: true });
    writeFileSync(`${this.#path}.new`, JSON.stringify(recorded));
    renameSync(`${this.#path}.new`, this.#path); // whole, or as it was
  }
}
