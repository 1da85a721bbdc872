import type { Request, RequestHandler, Response } from 'express';
import { accessOf } from '../access/access.js';
import { allowanceOf } from '../access/update-rates.js';
import { Problem } from '../../web/problems.js';
import { Place } from './place.js';
import type { Room } from './room.js';
import type { Turns } from './turns.js';

/** Updates in one request at most. */
export const MAX_UPDATES = 1_000;

/** No update is shorter: `{"operation":"a.b","params":{}},`. */
const SHORTEST_UPDATE_BYTES = 32;

/** What takes longer to arrive has its place only when it is here: slow clients would otherwise fill the room. */
const ARRIVES_WITHIN_MS = 250;

/** What keeps the API awake however much is sent to it. */
export interface Admission {
  readonly room: Room;
  readonly turns: Turns;
}

/** Made once: under load it is the answer to most. */
const NO_ROOM = new Problem(
  'BACKPRESSURE',
  'more updates wait here for Redis than this server can take; nothing was accepted, send it again later',
  { accepted: 'none' },
);

/** Asks for room for the updates of a request before its body is read, and whether its API key has any left. */
export function admit({ room, turns }: Admission): RequestHandler {
  return (request, response, next) => {
    const updates = updatesAtMost(request);
    const place = new Place(room, accessOf(response)?.owner ?? '', allowanceOf(response), updates);
    response.locals['place'] = place;
    response.once('close', () => {
      place.giveUp();
    });
    place.enter(
      answerWith(turns, next, () => {
        const slow = setTimeout(() => {
          place.stepOut();
        }, ARRIVES_WITHIN_MS);
        request.once('close', () => {
          clearTimeout(slow);
        });
        next();
      }),
    );
  };
}

/** Once the body has arrived: asks for room again if it was slow. */
export function stay({ turns }: Admission): RequestHandler {
  return (_request, response, next) => {
    placeOf(response).enter(answerWith(turns, next, next));
  };
}

/** The place of a request that was admitted, or wants to be. */
export function placeOf({ locals }: Response): Place {
  return locals['place'] as Place;
}

/**
 * How many updates a body may hold, by its length: never less than it does. Of one that is compressed, or does not say its
 * length, nothing is known.
 */
function updatesAtMost({ headers }: Request): number {
  const bytes = Number(headers['content-length'] ?? Number.NaN);
  const isKnown = Number.isSafeInteger(bytes) && headers['content-encoding'] === undefined;
  return isKnown ? Math.min(MAX_UPDATES, 1 + Math.floor(bytes / SHORTEST_UPDATE_BYTES)) : MAX_UPDATES;
}

/** Refusals take turns, too: many requests may lose their patience at once. */
function answerWith(turns: Turns, next: (error?: unknown) => void, go: () => void): (isIn: boolean) => void {
  return (isIn) => {
    if (isIn) {
      go();
    } else {
      turns.take(() => {
        next(NO_ROOM);
      });
    }
  };
}
