import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { connect } from 'node:net';
import type { Socket } from 'node:net';

/** A message as NATS delivers it. */
export interface Message {
  /** Where to answer; of a message of JetStream, where to acknowledge it. */
  readonly reply: string;
  readonly headers: Readonly<Record<string, string>>;
  /** 100 and more where it is no message but says why there is none. */
  readonly status: number;
  readonly body: string;
}

/**
 * As much of a client of NATS as the bridge needs (https://docs.nats.io/reference/reference-protocols/nats-protocol). A service takes
 * the maintained one, `@nats-io/transport-node`.
 */
export class Nats {
  /** By the number of their subscription: a message of JetStream arrives under the subject that it was published to. */
  readonly #waiting = new Map<string, (message: Message) => void>();
  #subscriptions = 0;
  /** Resolves, with why, when the connection is lost. */
  readonly lost: Promise<Error>;
  #received = Buffer.alloc(0);

  private constructor(private readonly socket: Socket) {
    this.lost = once(socket, 'close').then(
      () => new Error('NATS closed the connection'),
      (error: unknown) => error as Error,
    );
    socket.on('data', (chunk) => {
      this.#received = Buffer.concat([this.#received, chunk]);
      while (this.#readOne());
    });
  }

  /** @param url `nats://host:port` */
  static async connect(url: string): Promise<Nats> {
    const { hostname, port } = new URL(url);
    const socket = connect(Number(port || 4222), hostname);
    await once(socket, 'connect');
    socket.write('CONNECT {"verbose":false,"headers":true,"no_responders":true}\r\n');
    return new Nats(socket);
  }

  /** @param id by which JetStream knows a message that is published twice */
  publish(subject: string, body = '', { reply = '', id }: { reply?: string; id?: string } = {}): void {
    const head = id === undefined ? '' : `NATS/1.0\r\nNats-Msg-Id: ${id}\r\n\r\n`;
    const [headBytes, bytes] = [Buffer.byteLength(head), Buffer.byteLength(head) + Buffer.byteLength(body)];
    const verb = head === '' ? `PUB ${subject} ${reply} ${bytes}` : `HPUB ${subject} ${reply} ${headBytes} ${bytes}`;
    this.socket.write(`${verb}\r\n${head}${body}\r\n`);
  }

  /** @throws Error when there is no answer in time */
  async request(subject: string, body = '', { id, timeoutMs = 5_000 }: { id?: string; timeoutMs?: number } = {}) {
    const reply = `_INBOX.${randomUUID()}`;
    const subscription = String((this.#subscriptions += 1));
    let timer: NodeJS.Timeout | undefined;
    try {
      return await new Promise<Message>((resolve, reject) => {
        this.#waiting.set(subscription, resolve);
        timer = setTimeout(reject, timeoutMs, new Error(`no answer from ${subject}`));
        this.socket.write(`SUB ${reply} ${subscription}\r\nUNSUB ${subscription} 1\r\n`);
        this.publish(subject, body, { reply, ...(id !== undefined && { id }) });
      });
    } finally {
      clearTimeout(timer);
      this.#waiting.delete(subscription);
    }
  }

  close(): void {
    this.socket.destroy();
  }

  /** @returns whether there may be another one in what was received */
  #readOne(): boolean {
    const end = this.#received.indexOf('\r\n');
    if (end < 0) {
      return false;
    }
    const [verb = '', ...args] = this.#received.subarray(0, end).toString().split(/ +/);
    const bytes = verb === 'MSG' || verb === 'HMSG' ? Number(args.at(-1)) + 2 : 0;
    if (this.#received.length < end + 2 + bytes) {
      return false;
    }
    const content = this.#received.subarray(end + 2, end + bytes);
    this.#received = this.#received.subarray(end + 2 + bytes);
    if (verb === 'PING') {
      this.socket.write('PONG\r\n');
    } else if (verb === '-ERR') {
      this.socket.destroy(new Error(`NATS: ${args.join(' ')}`));
    } else if (bytes > 0) {
      const headBytes = verb === 'HMSG' ? Number(args.at(-2)) : 0;
      const [, subscription = '', ...rest] = args;
      const reply = rest.length > (verb === 'HMSG' ? 2 : 1) ? (rest[0] ?? '') : '';
      const head = readHead(content.subarray(0, headBytes).toString());
      this.#waiting.get(subscription)?.({ reply, ...head, body: content.subarray(headBytes).toString() });
    }
    return true;
  }
}

function readHead(text: string): Pick<Message, 'headers' | 'status'> {
  const [first = '', ...lines] = text.split('\r\n');
  const pairs = lines.flatMap((line) => {
    const colon = line.indexOf(':');
    return colon < 0 ? [] : [[line.slice(0, colon).trim(), line.slice(colon + 1).trim()] as const];
  });
  return { headers: Object.fromEntries(pairs), status: Number(first.split(' ')[1] ?? 0) };
}
