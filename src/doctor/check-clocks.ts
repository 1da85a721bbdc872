import type { Node } from '../redis/connect-once.js';
import { readClockOffset } from '../redis/server-time.js';
import type { Finding } from '../redis/requirements.js';
import { fault, ok, warning } from './finding.js';

/** Leases are reckoned in Redis' time, so that this does no harm; it only makes logs hard to compare. */
const OFF_MS = 1_000;

/** Receipts outlive leases by minutes, and no longer. */
const HARMFUL_MS = 5 * 60_000;

/** How far the clocks of the masters are from that of this machine, and from each other. */
export async function checkClocks(nodes: readonly Node[]): Promise<Finding[]> {
  const offsets = await Promise.all(nodes.map(async (node) => ({ node, offsetMs: await readClockOffset(node.redis) })));
  const worst = offsets.reduce((one, other) => (Math.abs(other.offsetMs) > Math.abs(one.offsetMs) ? other : one));
  const { address } = worst.node;
  const which = nodes.length === 1 ? 'Redis' : address;
  const relation = worst.offsetMs < 0 ? 'behind' : 'ahead of';
  const message = `${which} is ${durationOf(Math.abs(worst.offsetMs))} ${relation} this machine`;
  const isOff = Math.abs(worst.offsetMs) > OFF_MS;
  return [
    isOff ? warning('clock', `${message}, which makes logs hard to compare: set both by NTP`) : ok('clock', message),
    ...judgeSpread(offsets.map(({ offsetMs }) => offsetMs)),
  ];
}

function judgeSpread(offsetsMs: readonly number[]): Finding[] {
  if (offsetsMs.length < 2) {
    return [];
  }
  const apartMs = Math.max(...offsetsMs) - Math.min(...offsetsMs);
  const message = `the masters are at most ${durationOf(apartMs)} apart`;
  return [
    apartMs >= HARMFUL_MS
      ? fault('clocks', `${message}: a job could take effect twice after a crash; set them by NTP before going on`)
      : ok('clocks', message),
  ];
}

function durationOf(ms: number): string {
  return ms < 10_000 ? `${ms} ms` : `${Math.round(ms / 1000)} s`;
}
