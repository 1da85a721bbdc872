import { pino } from 'pino';
import type { Logger } from 'pino';

/** Where nobody reads it on a terminal it is not loaded: that takes longer than to read a key. */
const pretty = process.stdout.isTTY || process.stderr.isTTY ? (await import('pino-pretty')).default : undefined;

/** What must not stand in a log. A failed AUTH carries the password among the arguments of its command. */
const SECRETS = [
  'password',
  '*.password',
  'err.command.args',
  '*.authorization',
  '*.headers.authorization',
  '*.cookie',
  '*.headers.cookie',
];

/** Logs lines for people on a terminal, JSON otherwise. */
export function createLogger(level: string, stream: NodeJS.WriteStream = process.stdout): Logger {
  const options = { name: 'tally', level, redact: SECRETS };
  if (stream.isTTY && pretty !== undefined) {
    return pino(
      options,
      pretty({
        destination: stream,
        colorize: true,
        ignore: 'pid,hostname,name',
        translateTime: 'HH:MM:ss',
        sync: true,
      }),
    );
  }
  // Written in the background: one line for each request of the API would otherwise cost it a system call.
  return pino(options, isNumbered(stream) ? pino.destination({ dest: stream.fd, sync: false }) : stream);
}

/** Streams of a process are numbered, others are not. */
function isNumbered(stream: object): stream is { fd: number } {
  return 'fd' in stream && typeof stream.fd === 'number';
}
