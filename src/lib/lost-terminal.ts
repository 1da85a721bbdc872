import { isatty } from 'node:tty';

const STREAMS = [0, 1, 2];

/**
 * Lets this process go on, and end, after its terminal was closed. What it would print is dropped: the error of a write must not
 * end it in the midst of its work. And at its exit Node 20 gives each terminal that it began with its first settings back; with
 * one that is closed it fails an assertion of its own there, and spins for ever instead of ending.
 */
export function tolerateLostTerminal(): void {
  for (const stream of [process.stdout, process.stderr]) {
    stream.on('error', () => undefined);
  }
  const terminals = STREAMS.filter((stream) => isatty(stream));
  process.once('exit', (code) => {
    if (terminals.every((stream) => isatty(stream))) {
      return;
    }
    for (const listener of process.listeners('exit')) {
      listener(code); // nobody else gets a turn after this
    }
    process.kill(process.pid, 'SIGKILL');
  });
}
