import { setImmediate as nextTurn } from 'node:timers/promises';
import { context, trace } from '@opentelemetry/api';
import { InMemorySpanExporter, NodeTracerProvider, SimpleSpanProcessor } from '@opentelemetry/sdk-trace-node';
import type { ReadableSpan } from '@opentelemetry/sdk-trace-node';
import { Queue } from 'bullmq';
import { BullMQOtel } from 'bullmq-otel';
import { afterAll, beforeEach, expect, test } from 'vitest';
import { startApi } from '../support/http-api.js';
import { ownRedis, place, until } from '../support/tally.js';

const exporter = new InMemorySpanExporter();
const provider = new NodeTracerProvider({ spanProcessors: [new SimpleSpanProcessor(exporter)] });
provider.register();
const telemetry = new BullMQOtel({ tracerName: 'tally' });

beforeEach(() => {
  exporter.reset();
});

afterAll(async () => {
  await provider.shutdown();
  trace.disable();
  context.disable();
});

const TRACE_ID = '4bf92f3577b34da6a3ce929d0e0e4736';
const REQUEST_SPAN = '00f067aa0ba902b7';
const traceparentOf = (span: string) => `00-${TRACE_ID}-${span}-01`;

const increment = (key: string) => ({ operation: 'counter.increment' as const, params: { key } });

const spansNamed = (name: string) => exporter.getFinishedSpans().filter((span) => span.name === name);

/** Waits for a span to end. */
async function spanNamed(name: string): Promise<ReadableSpan> {
  await until(`the span "${name}" has ended`, () => spansNamed(name).length > 0);
  return spansNamed(name)[0]!;
}

const idOf = (span: ReadableSpan) => span.spanContext().spanId;

test('one trace leads from an HTTP request with traceparent to the applied update', async () => {
  const here = place();
  const { post } = await startApi(here, { telemetry });
  await here.worker({ telemetry });
  const { body } = await post('/v1/updates?wait=10000', increment(here.key('n')), {
    traceparent: traceparentOf(REQUEST_SPAN),
    'x-request-id': 'shop-42',
  });
  expect(body.updates).toMatchObject([{ status: 'applied' }]);

  const sent = await spanNamed('add counters.counter.increment');
  const processed = await spanNamed('process counters');
  const completed = await spanNamed('complete counters');
  expect(sent.parentSpanContext).toMatchObject({ traceId: TRACE_ID, spanId: REQUEST_SPAN });
  expect(processed.parentSpanContext?.spanId).toBe(idOf(sent));
  expect(completed.parentSpanContext?.spanId).toBe(idOf(processed));
  for (const span of [sent, processed, completed]) {
    expect(span.spanContext().traceId).toBe(TRACE_ID);
  }
  const jobId = body.updates[0]!.id.slice(0, 36);
  expect(sent.attributes).toMatchObject({ 'bullmq.job.id': jobId, 'tally.job.updates': 1 });
  expect(processed.events.map(({ name }) => name)).toContain('job completed');

  const opts = (await here.client.hget(`${here.partition.prefix}:counters:${jobId}`, 'opts'))!;
  const { tm } = JSON.parse(opts) as { tm: string };
  expect(JSON.parse(tm)).toEqual({ requestIds: ['shop-42'], traceparent: traceparentOf(idOf(sent)) });
});

test('a job of several requests is in the trace of the first, and links to the others', async () => {
  const here = place();
  const producer = here.producer({ telemetry });
  const spans = ['1111111111111111', '2222222222222222', '3333333333333333', '4444444444444444'];
  // All of one turn of the event loop, so that they leave together.
  await Promise.all(
    spans.map((span) => {
      const from = { requestId: `request-${span}`, traceparent: traceparentOf(span) };
      return producer.submit(increment(here.key('n')), { trace: from });
    }),
  );
  const [together, ...others] = spansNamed('add counters.counter.increment');
  expect(others).toEqual([]);
  expect(together?.parentSpanContext?.spanId).toBe(spans[0]);
  expect(together?.links.map((link) => link.context.spanId)).toEqual(spans.slice(1));
  expect(together?.links.every((link) => link.context.traceId === TRACE_ID)).toBe(true);
});

test('an update belongs to the span in which it was submitted, also when it leaves behind that of another', async () => {
  const here = place();
  const producer = here.producer({ telemetry });
  const tracer = trace.getTracer('shop');
  const submitIn = (name: string) =>
    tracer.startActiveSpan(name, async (span) => {
      await producer.submit(increment(here.key('n')));
      span.end();
    });
  const first = submitIn('first');
  await nextTurn(); // it has left, and has not been answered
  await Promise.all([first, submitIn('second')]);
  const sent = spansNamed('add counters.counter.increment').map((span) => span.parentSpanContext?.spanId);
  const callers = [await spanNamed('first'), await spanNamed('second')].map(idOf);
  expect(sent).toEqual(callers);
});

test('an update that was submitted in no span is in no trace, also when it leaves behind one that was', async () => {
  const here = place();
  const producer = here.producer({ telemetry });
  const inSpan = trace.getTracer('shop').startActiveSpan('shop', async (span) => {
    await producer.submit(increment(here.key('n')));
    span.end();
  });
  await nextTurn();
  await Promise.all([inSpan, producer.submit(increment(here.key('n')))]);
  const [first, second] = spansNamed('add counters.counter.increment');
  expect(first?.parentSpanContext?.spanId).toBe(idOf(await spanNamed('shop')));
  expect(second?.parentSpanContext).toBeUndefined();
});

test('of several jobs that leave together each has a span, in the trace of its own update', async () => {
  const here = place();
  const { post } = await startApi(here, { telemetry, maxBatch: 1 });
  await here.worker({ telemetry });
  const updates = [increment(here.key('a')), increment(here.key('b'))];
  await post('/v1/updates?wait=10000', updates, { traceparent: traceparentOf(REQUEST_SPAN) });
  await until('both were processed', () => spansNamed('process counters').length === 2);
  const sent = spansNamed('add counters.counter.increment');
  expect(sent.map((span) => span.parentSpanContext?.spanId)).toEqual([REQUEST_SPAN, REQUEST_SPAN]);
  const parents = spansNamed('process counters').map((span) => span.parentSpanContext?.spanId);
  expect(parents.sort()).toEqual(sent.map(idOf).sort());
});

test('an update that failed within a batch stays in the trace with the job that is put back for it', async () => {
  const here = place();
  const wrong = here.key('wrong');
  await here.client.rpush(wrong, 'not a number');
  const { post } = await startApi(here, { telemetry });
  await here.worker({ telemetry });
  await post('/v1/updates?wait=10000', [increment(here.key('a')), increment(wrong)], {
    traceparent: traceparentOf(REQUEST_SPAN),
  });
  await until('both jobs were processed', () => spansNamed('process counters').length === 2);
  for (const span of spansNamed('process counters')) {
    expect(span.spanContext().traceId).toBe(TRACE_ID);
  }
});

test('a job whose trace someone has spoilt is applied, in no trace', async () => {
  const here = place();
  const queue = new Queue('counters', { connection: here.client, prefix: here.partition.prefix });
  const data = { updates: [increment(here.key('n')).params] };
  await queue.add('counter.increment', data, { telemetry: { metadata: 'nonsense' } });
  await queue.close();
  await here.worker({ telemetry });
  await until('it is applied', async () => (await here.client.get(here.key('n'))) === '1');
  expect((await spanNamed('process counters')).parentSpanContext).toBeUndefined();
});

test('when Redis does not take a job, its span says so', async () => {
  const here = place((await ownRedis()).url);
  const producer = here.producer({ telemetry });
  await here.client.config('SET', 'maxmemory', '1');
  await expect(producer.counters.increment({ key: 'n' })).rejects.toThrow('Redis refused the job');
  const span = await spanNamed('add counters.counter.increment');
  expect(span.events.map(({ name }) => name)).toEqual(['exception']);
});

test('without telemetry no span is made', async () => {
  const here = place();
  await here.worker();
  await (await here.producer().submit(increment(here.key('n')))).outcome();
  expect(exporter.getFinishedSpans()).toEqual([]);
});

test('what is no telemetry or no metrics is refused with what to give', () => {
  const here = place();
  expect(() => here.producer({ telemetry: {} as never })).toThrow(/telemetry: give .*BullMQOtel/);
  expect(() => here.producer({ metrics: {} as never })).toThrow('metrics: give what createMetrics() returns');
});
