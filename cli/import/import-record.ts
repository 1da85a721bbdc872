import { createHash } from 'node:crypto';
import { mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { z } from 'zod';
import { ConfigurationError } from '../../src/errors.js';

const importedSchema = z.strictObject({
  /** Id of the installation that the Redis has; absent where this user may not know it. */
  installation: z.string().optional(),
  /** Where the Redis was reached. */
  address: z.string(),
  file: z.string(),
  /** Rows from the first on whose outcomes are known. */
  done: z.int().min(0),
  /** How many of those rows had each status. */
  outcomes: z.record(z.string(), z.int().min(1)),
  /** Redis' time before which the latest row was sent, in ms. */
  sentAtMs: z.number(),
  isComplete: z.boolean(),
});

type Imported = z.output<typeof importedSchema>;

/** The Redis of an import. */
export type Destination = Pick<Imported, 'installation' | 'address'>;

/** How far an import into a Redis has come. */
export type ImportProgress = Omit<Imported, keyof Destination>;

/**
 * How far imports have come, in the data folder: so that the same command goes on where it broke off. What is imported into one
 * Redis is not in another.
 */
export class ImportRecord {
  readonly #path: string;

  constructor(
    dataDir: string,
    id: string,
    private readonly destination: Destination,
  ) {
    const isName = /^[\w.-]{1,100}$/.test(id);
    const name = isName ? id : createHash('sha256').update(id).digest('base64url').slice(0, 22);
    this.#path = join(dataDir, 'imports', `${name}.json`);
  }

  /** @throws ConfigurationError when it can't be read, or it can't be told whether it is about the same Redis */
  read(): ImportProgress | undefined {
    return this.#all().find((imported) => this.#isHere(imported));
  }

  write(progress: ImportProgress): void {
    const others = this.#all().filter((imported) => !this.#isHere(imported));
    mkdirSync(dirname(this.#path), { recursive: true });
    writeFileSync(`${this.#path}.new`, JSON.stringify([...others, { ...this.destination, ...progress }]));
    renameSync(`${this.#path}.new`, this.#path); // whole, or as it was
  }

  /** A Redis may have several addresses, and an address another Redis by now. */
  #isHere(imported: Imported): boolean {
    const { installation, address } = this.destination;
    if (installation !== undefined && imported.installation !== undefined) {
      return installation === imported.installation;
    }
    if (address !== imported.address) {
      throw new ConfigurationError(
        `${imported.file} was imported into ${imported.address}, and it can't be told whether ${address} is the same Redis: ` +
          "give its user the right to read the installation's mark (docs/redis-acl.md), or give this import a name of its own by --id",
      );
    }
    return true;
  }

  #all(): readonly Imported[] {
    let text: string;
    try {
      text = readFileSync(this.#path, 'utf8');
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') {
        return [];
      }
      throw error;
    }
    try {
      return z.array(importedSchema).parse(JSON.parse(text));
    } catch (error) {
      throw new ConfigurationError(`${this.#path} does not say how far the import has come`, { cause: error });
    }
  }
}
