import type { JobsOptions, Span, Telemetry } from 'bullmq';
import { bullmq } from '../bullmq/bullmq.js';

/** Where in a trace an update was submitted: W3C headers by their names, as JSON. */
type Carrier = string;

/** Where an update came from. */
interface Origin {
  readonly trace: { readonly traceparent?: string | undefined } | undefined;
  readonly carrier: Carrier | undefined;
}

/** A span's parent as a link names it, see https://opentelemetry.io/docs/specs/otel/trace/api/#link. */
interface Link {
  readonly context: { traceId: string; spanId: string; traceFlags: number; isRemote: true };
}

/** The place of the running code in a trace; undefined when it is in none. */
export function activeCarrier({ contextManager }: Telemetry): Carrier | undefined {
  const carrier = contextManager.getMetadata(contextManager.active());
  return carrier === '{}' ? undefined : carrier;
}

/** A job that is about to be sent. */
interface DepartingJob {
  readonly name: string;
  readonly opts: JobsOptions;
}

/**
 * Sends jobs, each in a span of its own, of which its processing will be a child. BullMQ's own span for it would forget
 * the ids of the requests, and of several jobs that leave together know no parents.
 *
 * @param origins of each job, where its updates came from: the first one is the parent, the others are links
 */
export async function traceSending<Sent extends DepartingJob>(
  telemetry: Telemetry,
  queue: string,
  jobs: readonly Sent[],
  origins: readonly (readonly Origin[])[],
  send: (jobs: Sent[]) => Promise<void>,
): Promise<void> {
  const spans: Span[] = [];
  const traced = jobs.map((job, index) => {
    const { span, metadata } = startSpan(telemetry, queue, job, origins[index] ?? []);
    spans.push(span);
    return { ...job, opts: { ...job.opts, telemetry: { metadata } } };
  });
  try {
    await send(traced);
  } catch (error) {
    for (const span of spans) {
      span.recordException({ name: (error as Error).name, message: (error as Error).message });
    }
    throw error;
  } finally {
    for (const span of spans) {
      span.end();
    }
  }
}

function startSpan(
  { tracer, contextManager }: Telemetry,
  queue: string,
  { name, opts }: DepartingJob,
  origins: readonly Origin[],
): { span: Span; metadata: string } {
  const [parent, ...others] = new Set(origins.flatMap((origin) => carrierOf(origin) ?? []));
  const active: unknown = contextManager.active();
  // Without a parent it is a root: what is active belongs to the batch whose end sends this one.
  const context: unknown = parent === undefined ? active : contextManager.fromMetadata(active, parent);
  const { SpanKind, TelemetryAttributes } = bullmq();
  const options = { kind: SpanKind.PRODUCER, root: parent === undefined, links: others.flatMap(linkTo) };
  const span = tracer.startSpan(`add ${queue}.${name}`, options, context);
  span.setAttributes({
    [TelemetryAttributes.QueueName]: queue,
    [TelemetryAttributes.QueueOperation]: 'add',
    [TelemetryAttributes.JobName]: name,
    [TelemetryAttributes.JobId]: opts.jobId,
    'tally.job.updates': origins.length,
  });
  const carried = contextManager.getMetadata(span.setSpanOnContext(context));
  return { span, metadata: JSON.stringify({ ...readCarrier(opts.telemetry?.metadata), ...readCarrier(carried) }) };
}

/**
 * The same, but a job whose metadata someone has spoilt by hand is in no trace. BullMQ would else fail to take it, again
 * and again.
 */
export function tolerateBrokenMetadata({ tracer, contextManager, meter }: Telemetry): Telemetry {
  return {
    tracer,
    ...(meter && { meter }),
    contextManager: {
      with: (context, run) => contextManager.with(context, run),
      active: (): unknown => contextManager.active(),
      ...(contextManager.root && { root: (): unknown => contextManager.root?.() }),
      getMetadata: (context) => contextManager.getMetadata(context),
      fromMetadata: (active, metadata): unknown =>
        contextManager.fromMetadata(active, JSON.stringify(readCarrier(metadata))),
    },
  };
}

/** The span that was active at the submit; otherwise that of the caller, which its request named. */
function carrierOf({ carrier, trace }: Origin): Carrier | undefined {
  return carrier ?? (trace?.traceparent === undefined ? undefined : JSON.stringify({ traceparent: trace.traceparent }));
}

function linkTo(carrier: Carrier): Link[] {
  const { traceparent } = readCarrier(carrier);
  const [, traceId, spanId, flags] =
    /^[^-]+-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})/.exec(String(traceparent)) ?? [];
  return traceId === undefined || spanId === undefined
    ? []
    : [{ context: { traceId, spanId, traceFlags: parseInt(flags ?? '0', 16), isRemote: true } }];
}

function readCarrier(metadata: string | undefined): Readonly<Record<string, unknown>> {
  try {
    const carrier = JSON.parse(metadata ?? '{}') as unknown;
    return typeof carrier === 'object' && carrier !== null ? { ...carrier } : {};
  } catch {
    return {};
  }
}
