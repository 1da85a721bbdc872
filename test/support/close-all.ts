import { afterAll } from 'vitest';
import { allClosed } from './tally.js';

afterAll(allClosed);
