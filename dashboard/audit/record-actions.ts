import type { RequestHandler } from 'express';
import { signedInOf } from '../access/signed-in.js';
import { describeAction } from './action-words.js';
import type { AuditLog } from './audit-log.js';
import { attemptedNameOf, detailOf, resultOf } from './entry.js';
import { valuesOf } from './values.js';

const READS = new Set(['GET', 'HEAD', 'OPTIONS']);

/** An address is shorter; what a proxy passes on may be anything. */
const LONGEST_ADDRESS = 64;

/** Records every request that would change something, whether it was let through or not. */
export function recordActions(log: AuditLog): RequestHandler {
  return (request, response, next) => {
    const { method, path, ip: from = 'unknown' } = request;
    if (!READS.has(method)) {
      response.once('close', () => {
        const user = signedInOf(response);
        const status = response.writableFinished ? response.statusCode : undefined;
        log.record({
          at: new Date().toISOString(),
          who: user?.name ?? attemptedNameOf(response),
          role: user?.role,
          ...describeAction(method, path),
          ...(detailOf(response) ?? valuesOf(path, request.body)),
          result: resultOf(status),
          status,
          from: from.slice(0, LONGEST_ADDRESS),
        });
      });
    }
    next();
  };
}
