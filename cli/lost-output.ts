import { isatty } from 'node:tty';

/**
 * Makes a command fail whose answer could not be written, as to a disk that is full: who reads it would take what there is for all.
 * That nobody reads it any more, as in `tally export | head`, is no failure.
 */
export function failOnLostOutput(): void {
  const isTerminal = isatty(1);
  let isLost = false;
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (isLost || isTerminal || error.code === 'EPIPE') {
      return;
    }
    isLost = true;
    console.error(`tally: what was printed is lost, or a part of it: ${error.message}`);
    process.once('exit', (code) => {
      process.exitCode = code === 0 ? 1 : code;
    });
  });
}
