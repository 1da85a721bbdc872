import { IncomingMessage, ServerResponse } from 'node:http';
import type { RequestListener, ServerOptions } from 'node:http';

/**
 * Classes of requests and responses for a server of this Express app.
 *
 * Express swaps the prototypes of each request and response for those of the app, after which nothing that touches
 * them is fast any more: 50 of the 78 us of processor time that an empty request took, see
 * docs/decisions/10-http-speed.md. Those made with the right prototypes have nothing to swap.
 */
export function expressPrototypes(
  listener: RequestListener,
): Pick<ServerOptions, 'IncomingMessage' | 'ServerResponse'> {
  if (!isExpress(listener)) {
    return {};
  }
  class AppRequest extends IncomingMessage {}
  class AppResponse<Request extends IncomingMessage = IncomingMessage> extends ServerResponse<Request> {}
  Object.setPrototypeOf(AppRequest.prototype, listener.request);
  Object.setPrototypeOf(AppResponse.prototype, listener.response);
  listener.request = AppRequest.prototype;
  listener.response = AppResponse.prototype;
  return { IncomingMessage: AppRequest, ServerResponse: AppResponse };
}

/** The part of an Express app that holds its prototypes. */
interface WithPrototypes {
  request: IncomingMessage;
  response: ServerResponse;
}

function isExpress(listener: RequestListener): listener is RequestListener & WithPrototypes {
  return 'request' in listener && 'response' in listener;
}
