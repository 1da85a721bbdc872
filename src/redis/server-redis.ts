import type { Redis } from 'ioredis';
import { GuardedRedis } from './guard-streams.js';
import { isNoMaster } from './master-search.js';
import type { MasterSearch } from './master-search.js';

type Command = Parameters<Redis['sendCommand']>[0];

/** A connection to one server, which follows its master, and does not lose its process by an error that nobody hears. */
export abstract class ServerRedis extends GuardedRedis {
  protected abstract readonly search: MasterSearch;

  /**
   * Drops a command whose caller was told long ago that it had failed. ioredis keeps it and would send it again
   * after a reconnection, hours later perhaps, when a job that it adds is no longer known.
   */
  override sendCommand(...[command, stream]: Parameters<Redis['sendCommand']>): ReturnType<Redis['sendCommand']> {
    const { isSettled } = command as unknown as { isSettled: boolean };
    return isSettled ? command.promise : super.sendCommand(command, stream);
  }

  /** Called for each command that is refused. ioredis' own `reconnectOnError` knows neither pauses nor transactions. */
  override handleReconnection(...[error, item]: Parameters<Redis['handleReconnection']>): void {
    if (!isNoMaster(error)) {
      super.handleReconnection(error, item);
      return;
    }
    this.#sendToMaster(item.command as unknown as Command, error, this.stream);
  }

  /** Once the server that refused it, over this stream, is left. */
  #sendToMaster(command: Command, error: Error, stream: Redis['stream']): void {
    const isLeft = this.stream !== stream || stream.writableEnded; // because of another refusal
    const waitMs = isLeft ? 0 : this.search.leave(error);
    const isPrompt = this.options.commandTimeout !== undefined;
    if (isInTransaction(command) || (waitMs > 0 && isPrompt)) {
      command.reject(error); // alone it would be something else; and whoever waits is told what the new server says
    } else if (waitMs > 0) {
      // A timer may fire early. What is sent over a connection that is about to end may stay without an answer.
      const timer = setTimeout(() => {
        this.#sendToMaster(command, error, stream);
      }, waitMs);
      timer.unref();
    } else {
      this.#sendAgain(command);
    }
  }

  /** Its caller holds the promise already. */
  #sendAgain(command: Command): void {
    const sent = this.sendCommand(command) as Promise<unknown>;
    sent.catch(() => undefined);
  }
}

function isInTransaction(command: Command): boolean {
  return (command as unknown as { inTransaction?: boolean }).inTransaction === true;
}
