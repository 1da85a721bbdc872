import * as crypto from 'node:crypto';
import { v7 } from 'uuid';
import { NO_SLOT, SLOTS } from '../redis/slots.js';
import type { Slot } from '../redis/slots.js';

const UUID_LENGTH = 36;
const SLOT_DIGITS = 4;

/** Of the latest id: its time in ms, and its place among those of that time. */
const latest = { ms: 0, place: 0 };

/**
 * A job's id, made before its first send, so that a resent `add` is the same job. UUIDv7: sorts by time.
 * BullMQ's own counter would start again after an obliterate.
 *
 * @param slot that of its first update: it stands in the last four digits, so that the id tells the partition
 */
export function newJobId(slot: Slot): string {
  const ms = Date.now(); // by itself uuid would go on from its latest time, also when the clock was ahead and has been set right
  latest.place = ms === latest.ms ? latest.place + 1 : crypto.randomInt(2 ** 31);
  latest.ms = ms;
  const id = v7({ msecs: ms, seq: latest.place });
  return slot === NO_SLOT ? id : withSlot(id, slot);
}

/**
 * The id of a job that follows from something, the same whenever it is made.
 *
 * @param source tells that from all else, and what follows from it from what else does
 * @param slot tells the partition
 * @param dueMs when it is due: the time that the id tells
 */
export function followingJobId(source: string, slot: number, dueMs: number): string {
  const random = crypto.hash('sha256', `${source} ${dueMs}`, 'buffer');
  return withSlot(v7({ msecs: dueMs, random }), slot);
}

function withSlot(id: string, slot: number): string {
  return id.slice(0, -SLOT_DIGITS) + slot.toString(16).padStart(SLOT_DIGITS, '0');
}

/** When an id was made, in ms, by the clock of its producer; undefined for one that does not tell. */
export function timeOfJobId(jobId: string): number | undefined {
  return /^[0-9a-f]{8}-[0-9a-f]{4}-7/.test(jobId) ? parseInt(jobId.slice(0, 8) + jobId.slice(9, 13), 16) : undefined;
}

/** The slot that an id tells; any for an id that tells none. */
export function slotOfJobId(jobId: string): number {
  return (parseInt(jobId.slice(UUID_LENGTH - SLOT_DIGITS, UUID_LENGTH), 16) || 0) % SLOTS;
}
