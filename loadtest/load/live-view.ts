import { SingleBar } from 'cli-progress';
import { progress } from '../progress.js';
import type { Meter } from './meter.js';
import type { Sample, SideResult } from './result.js';

/** Shows a load while it runs. */
export interface LiveView {
  readonly begin: (side: SideResult['name']) => void;
  /** A step of a search begins. */
  readonly step: (perSecond: number) => void;
  readonly drain: () => void;
  readonly sample: (sample: Sample, meter: Meter) => void;
  /** Says something that is to stay. */
  readonly say: (what: string) => void;
  readonly done: () => void;
}

const BAR = '{bar} {percentage}%  {what}';
const BAR_SIZE = 24;

/**
 * A bar that changes on a terminal, a line a second otherwise. On stderr, so that stdout holds the summary alone.
 *
 * @param durationMs how long one side takes; undefined when nobody knows, as with a search
 */
export function liveView(durationMs: number | undefined, stream: NodeJS.WriteStream = process.stderr): LiveView {
  const plain = progress(stream);
  let phase = '';
  const words = (sample: Sample, meter: Meter) => `${phase}  ${wordsOf(sample, meter)}`;
  if (!stream.isTTY) {
    return {
      begin: (side) => (phase = side),
      step: (perSecond) => (phase = `at ${perSecond}/s`),
      drain: () => (phase = 'waiting for outcomes'),
      sample: (sample, meter) => {
        plain.report(words(sample, meter));
      },
      say: plain.report,
      done: () => {
        plain.done();
      },
    };
  }
  const format = durationMs === undefined ? '{what}' : BAR;
  const bar = new SingleBar({ format, barsize: BAR_SIZE, stream, hideCursor: true, clearOnComplete: true });
  return {
    begin: (side) => {
      phase = side;
      bar.start(durationMs ?? 0, 0, { what: `${side}  stocking up` });
    },
    step: (perSecond) => (phase = `at ${perSecond}/s`),
    drain: () => (phase = 'waiting for outcomes'),
    sample: (sample, meter) => {
      bar.update(Math.min(sample.atMs, durationMs ?? 0), { what: words(sample, meter) });
    },
    say: (what) => {
      bar.stop();
      stream.write(`${what}\n`);
    },
    done: () => {
      bar.stop();
    },
  };
}

function wordsOf({ completed, backlog, inFlight, p50Ms, p99Ms }: Sample, { errors }: Meter): string {
  const times = p50Ms === undefined || p99Ms === undefined ? '' : `  p50 ${ms(p50Ms)}  p99 ${ms(p99Ms)}`;
  const rate = `${completed.toLocaleString('en')}/s`;
  return `${rate}  in flight ${inFlight}  backlog ${backlog}${times}  errors ${errors}`;
}

function ms(value: number): string {
  return `${value.toFixed(value < 10 ? 1 : 0)} ms`;
}
