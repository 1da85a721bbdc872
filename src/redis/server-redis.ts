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
    const command = item.command as unknown as Command;
    const isLeft = this.stream.writableEnded; // by an earlier refusal: this one waits for the new connection
    const waitMs = isLeft ? 0 : this.search.leave(error);
    const isPrompt = this.options.commandTimeout !== undefined;
    if (isInTransaction(command) || (waitMs > 0 && isPrompt)) {
      command.reject(error); // alone it would be something else; and whoever waits is told what the new server says
    } else if (waitMs > 0) {
      this.#sendLater(command, error, waitMs);
    } else {
      this.#sendAgain(command);
    }
  }

  #sendLater(command: Command, error: Error, waitMs: number): void {
    const { stream } = this;
    const timer = setTimeout(() => {
      if (this.stream === stream) {
        this.search.leave(error); // a connection that was made meanwhile may lead to the master
      }
      this.#sendAgain(command);
    }, waitMs);
    timer.unref();
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
