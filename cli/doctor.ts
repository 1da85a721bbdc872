import { roleOf } from '../src/doctor/check-acl.js';
import { examine } from '../src/doctor/examine.js';
import { lineOf } from '../src/doctor/line.js';
import { connectionOptions, createContext, durabilityOptions, findRedis } from './context.js';
import { operationsWithHistory } from './histories.js';

export interface DoctorFlags {
  readonly as?: string;
  readonly key?: readonly string[];
  readonly json?: true;
}

/** `tally doctor`: says what it found of the Redis it is pointed at, and what to change. */
export async function doctor({ as, key, json }: DoctorFlags): Promise<void> {
  const context = createContext(process.stderr);
  const findings = await examine({
    ...connectionOptions(context, findRedis(context)),
    ...durabilityOptions(context),
    operations: operationsWithHistory(context.config, context.operations),
    role: roleOf(as),
    cells: key ?? [],
  });
  const isOk = !findings.some(({ level }) => level === 'error');
  if (json) {
    console.log(JSON.stringify({ ok: isOk, findings }));
  } else {
    for (const finding of findings) {
      console.log(lineOf(finding));
    }
  }
  process.exitCode = isOk ? 0 : 1;
}
