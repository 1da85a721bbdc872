import { test } from 'vitest';
import { raceReservations } from '../support/reservation-race.js';
import { place } from '../support/tally.js';

test('of 10,000 holds each ends once, and stock, held and sold add up at every moment', async () => {
  await raceReservations(place(), 10_000);
});
