import type { Socket } from 'node:net';
import type { RequestHandler, Response } from 'express';

/** The responses of a connection that have not closed. */
const open = new WeakMap<Socket, Set<Response>>();

/**
 * Closes each response whose connection has closed. Of requests that a client sends without waiting for answers, Node closes only the one
 * whose turn it is: the others would keep their places, and what they hold, for good.
 */
export const closeWithSocket: RequestHandler = ({ socket }, response, next) => {
  const responses = open.get(socket) ?? watched(socket);
  responses.add(response);
  response.once('close', () => responses.delete(response));
  if (socket.destroyed) {
    closeAll(responses);
  }
  next();
};

function watched(socket: Socket): Set<Response> {
  const responses = new Set<Response>();
  open.set(socket, responses);
  socket.once('close', () => {
    closeAll(responses);
  });
  return responses;
}

function closeAll(responses: ReadonlySet<Response>): void {
  setImmediate(() => {
    for (const response of responses) {
      response.destroy();
      response.emit('close'); // Node has closed the one that it would by now
    }
  });
}
