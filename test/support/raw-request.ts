import { connect } from 'node:net';
import type { AddressInfo } from 'node:net';
import type { RunningApi } from './http-api.js';

/** Sends bytes that no HTTP client would, and returns all that comes back until the server ends the connection. */
export async function say({ server }: RunningApi, text: string): Promise<string> {
  const socket = connect((server.address() as AddressInfo).port, '127.0.0.1');
  socket.write(text, 'latin1');
  let answer = '';
  for await (const chunk of socket as AsyncIterable<Buffer>) {
    answer += chunk.toString();
  }
  return answer;
}

/** The text of a `POST` of JSON, after which the server is asked to end the connection, unless a header says else. */
export function postText(path: string, body: unknown, headers: readonly string[] = ['Connection: close']): string {
  const text = JSON.stringify(body);
  const head = [
    `POST ${path} HTTP/1.1`,
    'Host: localhost',
    'Content-Type: application/json',
    `Content-Length: ${Buffer.byteLength(text)}`,
    ...headers,
  ];
  return `${head.join('\r\n')}\r\n\r\n${text}`;
}
