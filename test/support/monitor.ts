import { once } from 'node:events';
import { connect } from 'node:net';
import { createInterface } from 'node:readline';
import type { Redis } from 'ioredis';
import { onTestFinished } from 'vitest';

/** A command as Redis ran it: its name in lower case and what follows. */
export type Seen = readonly [name: string, ...args: string[]];

/**
 * Watches all that a server runs (MONITOR), until the end of the test. Over a plain socket: ioredis fails when a command comes
 * right behind the answer to MONITOR.
 *
 * @param onCommand gets the `source` `lua` for what a script calls, else the address of the client
 */
export async function monitor(server: Redis, onCommand: (command: Seen, source: string) => void): Promise<void> {
  const { host = '127.0.0.1', port = 6379 } = server.options;
  const socket = connect(port, host);
  onTestFinished(() => {
    socket.destroy();
  });
  const lines = createInterface(socket);
  socket.write('MONITOR\r\n');
  lines.on('line', (line) => {
    const [, source, rest = ''] = /^\+\S+ \[\d+ (.*?)\] (.*)$/.exec(line) ?? [];
    if (source === undefined) {
      return; // +OK
    }
    const [name = '', ...args] = Array.from(rest.matchAll(/"((?:[^"\\]|\\.)*)"/g), ([, text = '']) => text);
    onCommand([name.toLowerCase(), ...args], source);
  });
  await once(lines, 'line');
}
