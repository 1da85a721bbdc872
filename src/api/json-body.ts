import { raw } from 'express';
import type { Request, RequestHandler } from 'express';
import { Problem } from '../web/problems.js';
import { admit, placeOf, stay } from './admission/admission.js';
import type { Admission } from './admission/admission.js';
import { parseStrictJson } from './strict-json.js';

/** Largest body, also when it is sent compressed: 1 MiB. */
const MAX_BODY_BYTES = 1024 * 1024;

/** JSON is UTF-8, of which US-ASCII is a part. */
const CHARSETS = new Set(['utf-8', 'utf8', 'us-ascii']);

/**
 * Reads a body of updates, which must be JSON, into `request.body`, when there is room for them.
 *
 * @param mediaTypes those that it may have, named to the client when it has another
 * @param isOther further ones. @defaultValue none
 */
export function jsonBody(
  admission: Admission,
  mediaTypes: readonly string[],
  isOther: (mediaType: string) => boolean = () => false,
): RequestHandler[] {
  const isAccepted = (mediaType: string) => mediaTypes.includes(mediaType) || isOther(mediaType);
  const read = raw({ type: () => true, limit: MAX_BODY_BYTES });
  return [requireMediaType(mediaTypes, isAccepted), admit(admission), read, stay(admission), decodeIn(admission)];
}

/** Reads a body that asks for something, and submits nothing: it takes no room of updates. */
export function questionBody(mediaTypes: readonly string[]): RequestHandler[] {
  return [
    requireMediaType(mediaTypes, (mediaType) => mediaTypes.includes(mediaType)),
    raw({ type: () => true, limit: MAX_BODY_BYTES }),
    (request, _response, next) => {
      request.body = decode(request);
      next();
    },
  ];
}

/** The media type that a request names, without parameters, in small letters. */
export function mediaTypeOf(contentType = ''): string {
  return (contentType.split(';', 1)[0] ?? '').trim().toLowerCase();
}

/** Whether a media type is JSON, as all are that end in `+json`. */
export function isJsonType(mediaType: string): boolean {
  return /^[^/]+\/(.*\+)?json$/.test(mediaType);
}

function requireMediaType(mediaTypes: readonly string[], isAccepted: (mediaType: string) => boolean): RequestHandler {
  return ({ headers }, _response, next) => {
    const contentType = headers['content-type'];
    const charset = /;\s*charset\s*=\s*"?([^";\s]+)/i.exec(contentType ?? '')?.[1]?.toLowerCase() ?? 'utf-8';
    if (!isAccepted(mediaTypeOf(contentType)) || !CHARSETS.has(charset)) {
      const sent = contentType === undefined ? 'has none' : `has "${contentType}"`;
      const detail = `the Content-Type must be ${mediaTypes.join(' or ')} in UTF-8, but the request ${sent}`;
      throw new Problem('UNSUPPORTED_MEDIA_TYPE', detail);
    }
    next();
  };
}

/** Decodes in one turn with all that the next handlers do at once: the checks of the updates. */
function decodeIn({ turns }: Admission): RequestHandler {
  return (request, response, next) => {
    turns.take(() => {
      if (placeOf(response).isOver) {
        return; // nobody waits for it any more
      }
      try {
        request.body = decode(request);
      } catch (error) {
        next(error);
        return;
      }
      next();
    });
  };
}

function decode(request: Request): unknown {
  const bytes = (request.body ?? Buffer.alloc(0)) as Buffer;
  let text: string;
  try {
    text = new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch {
    throw new Problem('INVALID_JSON', 'the body is not valid UTF-8');
  }
  if (text === '') {
    throw new Problem('INVALID_JSON', 'the body is empty');
  }
  return parseStrictJson(text);
}
