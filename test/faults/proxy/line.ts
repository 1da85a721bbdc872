import type { Socket } from 'node:net';
import { CommandReader } from './command.js';
import { scriptSha } from './kinds.js';
import type { CommandKind } from './kinds.js';

/**
 * What a strike does. 'drop-request': the command and all behind it on its connection never reach Redis, and the
 * connection is cut. 'drop-reply': the command reaches Redis and runs, but from then on the client hears nothing, and
 * the connection is cut once Redis is done with it. Within a transaction that is after EXEC, since nothing runs before.
 * 'hold-request': the client's connection is cut as well, but the command, with those that were sent together with it, lingers
 * on the way, and reaches Redis some time later. 'watch': nothing.
 */
type StrikeEffect = 'drop-request' | 'drop-reply' | 'hold-request' | 'watch';

export interface Strike {
  readonly kind: CommandKind;
  readonly effect: StrikeEffect;
  /** Strikes only at a command that holds all these texts. @defaultValue at any */
  readonly holding?: readonly string[] | undefined;
  /** How long the command lingers. */
  readonly until?: () => Promise<unknown>;
  /** Called when it begins to. */
  readonly held?: () => void;
  readonly timer: NodeJS.Timeout;
  readonly resolve: (happened: boolean) => void;
}

/** One client's connection and the one to Redis that stands behind it. */
export class Line {
  /** Resolves when both ends are closed. */
  readonly closed: Promise<unknown>;
  readonly #reader = new CommandReader();
  #struckBy: Strike | undefined;
  #inTransaction = false;
  readonly #held: Buffer[] = [];

  constructor(
    readonly client: Socket,
    readonly redis: Socket,
    private readonly deps: {
      readonly kinds: ReadonlyMap<string, CommandKind>;
      /** The strike that this command sets off, if any. */
      readonly strikeAt: (kind: CommandKind, bytes: Buffer) => Strike | undefined;
      readonly forwarded: (kind: CommandKind) => void;
      /** Commands that lingered are sent now. */
      readonly deliveredLate: (count: number) => void;
    },
  ) {
    for (const socket of [client, redis]) {
      socket.setNoDelay();
      socket.on('error', () => undefined); // 'close' follows
    }
    this.closed = Promise.all([client, redis].map((socket) => new Promise((resolve) => socket.on('close', resolve))));
    client.on('data', (chunk) => {
      this.#forward(chunk);
    });
    redis.on('data', (reply) => {
      if (this.#struckBy === undefined) {
        client.write(reply);
      }
    });
    client.on('close', () => {
      if (this.#struckBy?.effect !== 'hold-request') {
        redis.end();
      }
    });
    redis.on('close', () => {
      this.#struckBy?.resolve(false); // of no effect if it happened
      client.end();
    });
  }

  #forward(chunk: Buffer): void {
    if (!this.redis.writable) {
      return; // struck, or Redis is gone
    }
    this.redis.cork();
    for (const command of this.#reader.read(chunk)) {
      const name = command.words[0]?.toString().toLowerCase() ?? '';
      const kind = this.deps.kinds.get(scriptSha(name, command)) ?? 'any';
      this.#struckBy ??= this.deps.strikeAt(kind, command.bytes);
      if (this.#struckBy?.effect === 'drop-request') {
        break;
      }
      if (this.#struckBy?.effect === 'hold-request') {
        this.#held.push(command.bytes);
        continue;
      }
      this.redis.write(command.bytes);
      this.deps.forwarded(kind);
      this.#inTransaction = name === 'multi' || (this.#inTransaction && name !== 'exec' && name !== 'discard');
    }
    this.redis.uncork();
    if (this.#struckBy !== undefined) {
      this.#carryOut(this.#struckBy);
    }
  }

  #carryOut(strike: Strike): void {
    const { effect, resolve } = strike;
    if (effect === 'drop-request') {
      this.client.destroy();
      resolve(true);
    } else if (effect === 'hold-request') {
      void this.#deliverLate(strike);
    } else if (!this.#inTransaction) {
      this.#endAndTell(resolve);
    }
  }

  async #deliverLate({ until, held, resolve }: Strike): Promise<void> {
    this.client.destroy();
    held?.();
    await until?.();
    this.deps.deliveredLate(this.#held.length);
    this.redis.write(Buffer.concat(this.#held)); // of no effect if Redis is gone
    this.#endAndTell(resolve);
  }

  /** Redis runs all that it was sent before it closes its end. */
  #endAndTell(resolve: Strike['resolve']): void {
    this.redis.end();
    this.redis.on('end', () => {
      resolve(true);
    });
  }
}
