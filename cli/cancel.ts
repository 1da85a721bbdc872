import { createProducer } from '../src/index.js';
import { connectionOptions, createContext, findRedis, producerOptions } from './context.js';

export interface CancelFlags {
  readonly json?: true;
}

/** `tally cancel`: takes an update back that has not begun. */
export async function cancel(id: string, flags: CancelFlags): Promise<void> {
  const context = createContext(process.stderr);
  const producer = createProducer({ ...connectionOptions(context, findRedis(context)), ...producerOptions(context) });
  try {
    await producer.cancel(id);
    console.log(flags.json ? JSON.stringify({ id, status: 'cancelled' }) : `cancelled ${id}`);
  } finally {
    await producer.close();
  }
}
