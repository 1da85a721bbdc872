import { testProtocolIn } from './exploring.js';
import { JOB_SCENARIOS } from './scenarios.js';
import type { ScenarioName } from './scenarios.js';

testProtocolIn(Object.keys(JOB_SCENARIOS) as ScenarioName[]);
