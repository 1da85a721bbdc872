import { Server } from 'node:http';
import type { RequestListener, ServerResponse } from 'node:http';
import type { Duplex } from 'node:stream';
import { setImmediate, setTimeout } from 'node:timers/promises';
import { v4 } from 'uuid';
import { withinTime } from '../lib/timeouts.js';
import { expressPrototypes } from './express-prototypes.js';
import { Problem } from './problems.js';
import type { ProblemCode } from './problems.js';

/** How long a client may take: a slow one would otherwise hold its connection for ever. */
export interface SlowClientLimits {
  /** For all headers of a request, in ms. @defaultValue 10,000 */
  readonly headersTimeoutMs?: number;
  /** For a whole request with its body, in ms; the answer may take longer. @defaultValue 20,000 */
  readonly requestTimeoutMs?: number;
}

/** Longer than load balancers keep idle connections (60 s, as a rule), or they would send a request into a closing one. */
const IDLE_CONNECTION_MS = 65_000;

/** How often Node looks for requests that take too long. */
const CHECK_INTERVAL_MS = 1_000;

/** How long requests that are on their way may take to arrive when the server closes: clients may be busy. */
const LAST_REQUESTS_MS = 500;
/** In how many turns of the event loop at least: while this process itself is busy, nothing arrives. */
const LAST_REQUESTS_TURNS = 10;

/** An HTTP server with limits for slow clients, which answers also what is not HTTP with a problem. */
export class ApiServer extends Server {
  readonly #unanswered = new Set<ServerResponse>();
  #closing = false;

  constructor(
    listener: RequestListener,
    { headersTimeoutMs = 10_000, requestTimeoutMs = 20_000 }: SlowClientLimits = {},
  ) {
    const limits = {
      headersTimeout: headersTimeoutMs,
      requestTimeout: requestTimeoutMs,
      keepAliveTimeout: IDLE_CONNECTION_MS,
    };
    super({
      ...limits,
      ...expressPrototypes(listener),
      connectionsCheckingInterval: Math.min(CHECK_INTERVAL_MS, headersTimeoutMs),
    });
    this.maxHeadersCount = 0; // their 16 KiB are the limit; of more than 2,000, Node would leave out the last unsaid
    this.on('request', (_request, response) => {
      response.shouldKeepAlive &&= !this.#closing;
      this.#unanswered.add(response);
      response.once('close', () => this.#unanswered.delete(response));
    });
    this.on('request', listener);
    this.on('checkExpectation', (request, response) => this.emit('request', request, response)); // Node would answer 417 without a word
    this.on('clientError', (error: NodeJS.ErrnoException, socket: Duplex) => {
      const lastRead = this.#lastRead(socket);
      if (lastRead === undefined || !socket.writable) {
        answerClientError(error, socket);
      } else {
        lastRead.shouldKeepAlive = false;
      }
    });
  }

  /**
   * Closes when all requests are answered. Before, each answer says that its connection ends, and what is on its way
   * can still arrive: so no client sends a request into a closing connection.
   *
   * @param timeoutMs how long at most; what is unanswered then is cut off
   */
  async closeInOrder(timeoutMs: number): Promise<void> {
    this.#closing = true;
    for (const response of this.#unanswered) {
      response.shouldKeepAlive = false;
    }
    const lastRequestsMs = Math.min(LAST_REQUESTS_MS, timeoutMs);
    for (let turn = 0; turn < LAST_REQUESTS_TURNS; turn += 1) {
      await setTimeout(lastRequestsMs / LAST_REQUESTS_TURNS);
      await setImmediate(); // what has arrived is read
    }
    const closed = new Promise((resolve) => this.close(resolve));
    if (!(await withinTime(closed, timeoutMs))) {
      this.closeAllConnections();
      await closed;
    }
  }

  /**
   * The last request of a connection that was read whole and is not answered. Were what follows it answered first, the
   * client would take that for the answer, and an update that was accepted for refused.
   */
  #lastRead(socket: Duplex): ServerResponse | undefined {
    return [...this.#unanswered].findLast(({ req }) => req.socket === socket && req.complete);
  }
}

const CLIENT_ERRORS: Readonly<Record<string, readonly [ProblemCode, string]>> = {
  ERR_HTTP_REQUEST_TIMEOUT: ['REQUEST_TIMEOUT', 'the request did not arrive in time'],
  HPE_HEADER_OVERFLOW: ['HEADERS_TOO_LARGE', 'the headers take more than 16 KiB'],
};

/** What comes too slowly or is not HTTP never reaches Express. */
function answerClientError({ code = '' }: NodeJS.ErrnoException, socket: Duplex): void {
  if (!socket.writable) {
    socket.destroy();
    return;
  }
  const problem = new Problem(...(CLIENT_ERRORS[code] ?? (['BAD_REQUEST', 'this is not HTTP/1.1'] as const)));
  const requestId = v4();
  const body = JSON.stringify(problem.toBody(requestId));
  socket.end(
    [
      `HTTP/1.1 ${problem.status} ${problem.code}`,
      'Connection: close',
      'Content-Type: application/problem+json',
      `Content-Length: ${Buffer.byteLength(body)}`,
      `X-Request-Id: ${requestId}`,
      '',
      body,
    ].join('\r\n'),
  );
}
