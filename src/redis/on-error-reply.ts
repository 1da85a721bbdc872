import type { Redis } from 'ioredis';
import { hideArguments } from './hide-arguments.js';
import { isRefusalCode, refusalOf } from './refusal.js';

type Command = (...args: unknown[]) => Promise<unknown>;

/** What ioredis sends before a connection is ready. */
const HANDSHAKE = ['hello', 'auth', 'client', 'info'] as const;

/** How ioredis is told that a server is not ready yet; it asks again and says nothing. */
const LOADING = /^loading:1\r?$/m;

/**
 * Hears what a server refuses a connection with. ioredis keeps that to itself where the server ends the connection behind its
 * reply, as with `ERR max number of clients reached`: what is left to see is a connection that ended.
 */
export function onHandshakeError(redis: Redis, refused: (error: Error) => void): void {
  const commands = redis as unknown as Record<(typeof HANDSHAKE)[number], Command>;
  for (const name of HANDSHAKE) {
    const send = commands[name].bind(redis);
    commands[name] = (...args) => {
      const isHandshake = redis.status === 'connect';
      if (isHandshake) {
        writeAtOnce(redis);
      }
      const answer = send(...args);
      if (isHandshake) {
        answer.then(
          (reply) => {
            if (name === 'info' && LOADING.test(String(reply))) {
              refused(replyError('LOADING Redis is loading the dataset in memory'));
            }
          },
          (error: unknown) => {
            hideArguments(error);
            if (isRefusalCode(refusalOf(error)?.code ?? '')) {
              refused(error as Error);
            }
          },
        );
      }
      return answer;
    };
  }
}

/** All of it in one write: a second one to a server that has ended the connection fails before its reply is read. */
function writeAtOnce({ stream }: Redis): void {
  stream.cork();
  process.nextTick(() => {
    stream.uncork();
  });
}

function replyError(message: string): Error {
  return Object.assign(new Error(message), { name: 'ReplyError' });
}

/** Hears every error with which a server answers a command, once the connection is ready. */
export function onErrorReply(redis: Redis, heard: (error: Error) => void): void {
  const { options } = redis;
  const { reconnectOnError } = options;
  options.reconnectOnError = (error) => {
    heard(error);
    return reconnectOnError?.(error) ?? false;
  };
}
