import { parseArgs } from 'node:util';
import { EVENTS } from './events.js';
import type { EventName } from './events.js';
import { runLosses } from './run.js';

/** `npx tsx test/cluster/sentinel-losses/main.ts --events freeze,kill --replicas 2 --confirm 1 --seconds 60` prints what was told and lost. */
const { values } = parseArgs({
  options: {
    events: { type: 'string', default: 'blink,freeze,kill,failover' },
    replicas: { type: 'string', default: '2' },
    confirm: { type: 'string', default: '1' },
    seconds: { type: 'string', default: '60' },
    seed: { type: 'string', default: '1' },
    verbose: { type: 'boolean', default: false },
  },
});

const events = values.events.split(',').map((name) => {
  if (!Object.hasOwn(EVENTS, name)) {
    throw new Error(`no event "${name}"; known: ${Object.keys(EVENTS).join(', ')}`);
  }
  return name as EventName;
});

const print = (line: string) => process.stdout.write(`${line}\n`);

const { strikes, sent, accepted, applied, lostAccepted, lostApplied, doubled } = await runLosses({
  events,
  replicas: Number(values.replicas),
  replicasToConfirm: Number(values.confirm),
  seconds: Number(values.seconds),
  seed: Number(values.seed),
  ...(values.verbose && { note: print }),
});
if (values.verbose) {
  for (const lost of lostApplied) {
    print(JSON.stringify(lost));
  }
}
print(
  `${events.join(',')}: ${values.replicas} replicas, ${values.confirm} to confirm: ${strikes} events, ${sent} sent, ` +
    `${accepted} accepted (${lostAccepted.length} lost), ${applied} told applied (${lostApplied.length} lost), ` +
    `${doubled} doubled`,
);
