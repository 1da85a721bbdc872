import type { JobsOptions } from 'bullmq';
import { z } from 'zod';

/** The request that brought an update, so that its job can be traced to it. */
export interface Trace {
  /** The request's id in the logs. */
  readonly requestId: string;
  /** The request's place in a distributed trace, as in the W3C header of this name. */
  readonly traceparent?: string | undefined;
}

export const traceSchema = z.strictObject({
  requestId: z.string().min(1).max(128),
  traceparent: z.string().optional(),
});

/**
 * The job options that tell where a job's updates came from. A job of many updates may come from many requests: all
 * are named. `traceparent` is the first one's, where OpenTelemetry for BullMQ looks for the parent of the job's span;
 * the others are links.
 */
export function traceOptions(
  updates: readonly { readonly trace: Trace | undefined }[],
): Pick<JobsOptions, 'telemetry'> {
  const traces = new Set<Trace>();
  for (const { trace } of updates) {
    if (trace !== undefined) {
      traces.add(trace);
    }
  }
  if (traces.size === 0) {
    return {};
  }
  const requestIds = [...traces].map(({ requestId }) => requestId);
  const [traceparent, ...links] = [...traces].flatMap((trace) => trace.traceparent ?? []);
  const metadata = { requestIds, ...(traceparent && { traceparent }), ...(links.length > 0 && { links }) };
  return { telemetry: { metadata: JSON.stringify(metadata) } };
}
