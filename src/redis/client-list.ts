import type { Redis } from 'ioredis';

/** A connection to a server, as its CLIENT LIST tells of it: its fields by their names. */
export type ConnectedClient = Readonly<Record<string, string>>;

/** All connections to a server. */
export async function readClients(redis: Pick<Redis, 'client'>): Promise<ConnectedClient[]> {
  const list = (await redis.client('LIST')) as string;
  return list
    .split('\n')
    .filter((line) => line !== '')
    .map(parseClient);
}

/** Where a client connects from, for people. */
export function sourceOf({ addr = 'an unknown address' }: ConnectedClient): string {
  return addr;
}

function parseClient(line: string): ConnectedClient {
  return Object.fromEntries(
    line.split(' ').map((field) => {
      const end = field.indexOf('=');
      return [field.slice(0, end), field.slice(end + 1)];
    }),
  );
}
