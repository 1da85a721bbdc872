import type { ConnectedProcess } from '../../src/metrics/processes.js';
import { countWords, durationWords, exactWords } from '../words.js';
import { trouble } from './trouble.js';
import type { Trouble } from './trouble.js';

/** What processes say of themselves. */
export type JudgedProcess = Pick<
  ConnectedProcess,
  'role' | 'host' | 'pid' | 'clockOffsetMs' | 'eventLoopDelayMs' | 'answered'
>;

/** As the alerts have them. */
const CLOCK_OFF_MS = 5_000;
const HELD_UP_MS = 500;
const FAILED_SHARE = 0.02;
const TURNED_AWAY_SHARE = 0.05;

/** So few of five minutes are no trouble, whatever their share. */
const FEW_FAILED = 6;
const FEW_TURNED_AWAY = 30;

/** What is wrong with the processes, or with what they answer. */
export function judgeProcesses(processes: readonly JudgedProcess[]): Trouble[] {
  return [...judgeAnswers(processes), ...judgeClocks(processes), ...judgeEventLoops(processes)];
}

function judgeAnswers(processes: readonly JudgedProcess[]): Trouble[] {
  const sum = (name: keyof NonNullable<JudgedProcess['answered']>) =>
    processes.reduce((total, { answered }) => total + (answered?.[name] ?? 0), 0);
  const [requests, failed, turnedAway] = [sum('requests'), sum('failed'), sum('turnedAway')];
  const share = (part: number) => `${((100 * part) / requests).toFixed(1)} % of the requests to the API`;
  return [
    ...(failed > FEW_FAILED && failed / requests > FAILED_SHARE
      ? [
          trouble(
            'error',
            `${share(failed)} were answered with 5xx within 5 minutes: their updates were not accepted, or it is not known`,
            'TallyRequestsFail',
          ),
        ]
      : []),
    ...(turnedAway > FEW_TURNED_AWAY && turnedAway / requests > TURNED_AWAY_SHARE
      ? [
          trouble(
            'warning',
            `${share(turnedAway)} were turned away with 429 within 5 minutes`,
            'TallyRequestsTurnedAway',
          ),
        ]
      : []),
  ];
}

function judgeClocks(processes: readonly JudgedProcess[]): Trouble[] {
  const off = processes.filter(({ clockOffsetMs }) => Math.abs(clockOffsetMs) > CLOCK_OFF_MS);
  const [worst] = [...off].sort((one, other) => Math.abs(other.clockOffsetMs) - Math.abs(one.clockOffsetMs));
  if (worst === undefined) {
    return [];
  }
  const { clockOffsetMs } = worst;
  const relation = clockOffsetMs > 0 ? 'behind' : 'ahead of';
  const others =
    off.length === 1
      ? ''
      : `, and those of ${countWords(off.length - 1, 'other process', 'other processes')} are off too`;
  const words = `the clock of ${nameOf(worst)} is ${durationWords(Math.abs(clockOffsetMs))} ${relation} that of Redis${others}`;
  return [trouble('warning', words, 'TallyClockOff')];
}

function judgeEventLoops(processes: readonly JudgedProcess[]): Trouble[] {
  return processes.flatMap((each): Trouble[] => {
    const { eventLoopDelayMs = 0 } = each;
    const words = `${nameOf(each)} is held up for ${exactWords(Math.round(eventLoopDelayMs))} at a time: all that it does waits as long`;
    return eventLoopDelayMs > HELD_UP_MS ? [trouble('warning', words, 'TallyEventLoopDelay')] : [];
  });
}

function nameOf({ role, pid, host }: JudgedProcess): string {
  return `${role} ${pid} on ${host}`;
}
