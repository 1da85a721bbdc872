/** How long it waits for a page. */
const TIMEOUT_MS = 25_000;

/** Who is on call, as a proxy names them: a session would be gone with Redis' data. */
export const ON_CALL = { 'x-forwarded-user': 'olga', 'x-forwarded-role': 'operator' } as const;

interface Asked {
  readonly method?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
}

/** What somebody on call sees and presses in the dashboard. */
export class Dashboard {
  constructor(readonly origin: string) {}

  /** The verdict of the overview, as one reads it: from "Healthy." or "Not healthy:" to the last trouble. */
  async verdict(): Promise<string> {
    const response = await this.#ask('/ops');
    const page = await response.text();
    const [, verdict] = /class="verdict[^>]*>(.*?)<dl class="tiles">/s.exec(page) ?? [];
    const text = verdict ?? `${response.status} ${page}`;
    return text
      .replace(/<[^>]*>/g, ' ')
      .replace(/\s+/g, ' ')
      .trim();
  }

  /** What the board sends when a button is pressed. */
  async press(queue: string, action: 'pause' | 'resume' | 'rate-limit', body: object = {}): Promise<void> {
    const path = `/ops/queues/api/queues/${queue}/${action}`;
    const headers = { 'content-type': 'application/json' };
    const response = await this.#ask(path, { method: 'PUT', headers, body: JSON.stringify(body) });
    if (!response.ok) {
      throw new Error(`${path} was answered with ${response.status}: ${await response.text()}`);
    }
  }

  /** What somebody gets whom no proxy names. */
  async statusForStrangers(): Promise<number> {
    const headers = { accept: 'application/json' };
    return (await fetch(`${this.origin}/ops/audit`, { headers, redirect: 'manual' })).status;
  }

  #ask(path: string, { headers: more = {}, ...init }: Asked = {}): Promise<Response> {
    const headers = { accept: 'text/html', ...ON_CALL, ...more };
    return fetch(this.origin + path, { ...init, headers, signal: AbortSignal.timeout(TIMEOUT_MS) });
  }
}
