import { get } from 'node:http';
import type { IncomingMessage } from 'node:http';
import { onTestFinished } from 'vitest';
import type { OutcomeEvent } from '../../src/subscribers/event.js';
import { until } from './tally.js';

/** What a client has heard. */
export interface Heard {
  readonly event: string;
  readonly id: string;
  readonly data: unknown;
}

/** A client of Server-Sent Events, which reads them as browsers do. */
export interface Follower {
  readonly status: number;
  readonly headers: IncomingMessage['headers'];
  readonly heard: Heard[];
  /** The last id: with which it would connect again. */
  readonly lastId: () => string;
  readonly outcomes: () => OutcomeEvent[];
  /** Whether the server has ended it. */
  readonly isOver: () => boolean;
  /** Reads on only after `resume`. */
  readonly pause: () => void;
  readonly resume: () => void;
  readonly until: (what: string, condition: () => boolean) => Promise<void>;
  readonly leave: () => void;
}

/** Connects, and resolves when the headers are here. */
export function followAt(url: string, headers: Record<string, string> = {}): Promise<Follower> {
  return new Promise((resolve, reject) => {
    const request = get(url, { headers, agent: false }, (answer) => {
      const heard: Heard[] = [];
      let [lastId, isOver, rest] = ['', false, ''];
      answer.setEncoding('utf8');
      answer.on('data', (text: string) => {
        const blocks = (rest + text).split('\n\n');
        rest = blocks.pop() ?? '';
        for (const block of blocks) {
          const fields = block.split('\n').map((line) => /^(\w*): ?(.*)$/.exec(line) ?? []);
          const of = (name: string) => fields.findLast(([, field]) => field === name)?.[2];
          lastId = of('id') ?? lastId;
          const data = of('data');
          if (data !== undefined) {
            heard.push({ event: of('event') ?? 'message', id: lastId, data: JSON.parse(data) });
          }
        }
      });
      const over = () => {
        isOver = true;
      };
      answer.once('end', over).once('close', over).on('error', over);
      resolve({
        status: answer.statusCode ?? 0,
        headers: answer.headers,
        heard,
        lastId: () => lastId,
        outcomes: () => heard.filter(({ event }) => event === 'outcome').map(({ data }) => data as OutcomeEvent),
        isOver: () => isOver,
        pause: () => answer.pause(),
        resume: () => answer.resume(),
        until: (what, condition) => until(what, condition),
        leave: () => request.destroy(),
      });
    });
    request.on('error', reject);
    onTestFinished(() => {
      request.destroy();
    });
  });
}
