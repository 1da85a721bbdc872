// Asks the process of this container for an answer: exit code 0, or 1. The API and the dashboard serve PORT; a worker
// serves only its metrics, on TALLY_METRICS_PORT. Any answer will do: a process whose Redis is unreachable is not ill.
import { get } from 'node:http';
import { env, exit } from 'node:process';

const TIMEOUT_MS = 4_000;

const path = env.TALLY_METRICS_PORT ? `:${env.TALLY_METRICS_PORT}/metrics` : `:${env.PORT ?? 3000}/healthz`;

get(`http://127.0.0.1${path}`, { timeout: TIMEOUT_MS }, () => exit(0))
  .on('timeout', () => exit(1))
  .on('error', () => exit(1));
