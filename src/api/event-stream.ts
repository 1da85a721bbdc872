import type { Response } from 'express';

/** What a client has not taken yet, in bytes: beyond it nothing more is written until it has taken all. */
const BUFFER_BYTES = 64 * 1024;

/** A client that takes nothing for so long is dropped: with what it got last it can go on. */
const SLOW_MS = 30_000;

/** How long a client waits before it connects again, in ms. */
const RECONNECT_MS = 2_000;

/** Server-Sent Events to one client, see https://html.spec.whatwg.org/multipage/server-sent-events.html. */
export class EventStream {
  constructor(
    private readonly response: Response,
    private readonly slowMs = SLOW_MS,
  ) {}

  /** Sends the headers, and where to go on. */
  begin(cursor: string): void {
    this.response.status(200).set({
      'Content-Type': 'text/event-stream; charset=utf-8',
      'X-Accel-Buffering': 'no', // or nginx would keep events back until there are 4 KiB
    });
    this.response.write(`retry: ${RECONNECT_MS}\nid: ${cursor}\n\n`);
  }

  /**
   * @param text of events, see {@link eventText}
   * @returns false when the client was dropped, as it takes nothing
   */
  async send(text: string): Promise<boolean> {
    const { response } = this;
    if (response.destroyed) {
      return false;
    }
    if (response.write(text) || response.writableLength <= BUFFER_BYTES) {
      return true;
    }
    return this.#drained();
  }

  /** Tells that the connection is alive, and where to go on: an id without data is no event, but browsers keep it. */
  beat(cursor: string): void {
    if (!this.response.destroyed && !this.response.writableNeedDrain) {
      this.response.write(`: alive\nid: ${cursor}\n\n`);
    }
  }

  #drained(): Promise<boolean> {
    const { response } = this;
    return new Promise((resolve) => {
      const end = (isDrained: boolean) => {
        clearTimeout(timer);
        response.off('drain', drained);
        response.off('close', closed);
        resolve(isDrained);
      };
      const drained = () => {
        end(true);
      };
      const closed = () => {
        end(false);
      };
      const timer = setTimeout(() => {
        response.destroy();
        end(false);
      }, this.slowMs);
      response.on('drain', drained);
      response.on('close', closed);
    });
  }
}

/** An event as it is sent; JSON holds no line ends. */
export function eventText(event: string, cursor: string, data: string): string {
  return `event: ${event}\nid: ${cursor}\ndata: ${data}\n\n`;
}

/** What a server that is stopping answers: any status but 200 would make browsers give up. */
export const RECONNECT_LATER = `retry: ${RECONNECT_MS}\n\n`;
