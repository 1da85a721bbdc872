import { createReader } from '../src/index.js';
import type { Reader } from '../src/index.js';
import { connectionOptions, createContext, findRedis } from './context.js';

/** Asks the Redis of this command. */
export async function withReader<Answer>(ask: (reader: Reader) => Promise<Answer>): Promise<Answer> {
  const context = createContext(process.stderr);
  const { partitions: _, ...options } = connectionOptions(context, findRedis(context));
  const reader = createReader(options);
  try {
    return await ask(reader);
  } finally {
    reader.close();
  }
}
