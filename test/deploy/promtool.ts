import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { promisify } from 'node:util';
import type { TestContext } from 'vitest';

const PROMTOOL = 'promtool';

const MISSING =
  "promtool is not on the PATH: it is in Debian's package prometheus and in every release of Prometheus; " +
  'without it the alert rules are not checked';

/**
 * Runs promtool to its end.
 *
 * @returns what it printed
 * @throws what it printed when it is not content; and in CI when it is missing. Elsewhere the test is then skipped
 */
export async function promtool(context: TestContext, ...args: string[]): Promise<string> {
  if (!(await isOnPath())) {
    if (process.env['CI']) {
      throw new Error(MISSING);
    }
    context.skip(MISSING);
  }
  try {
    const { stdout, stderr } = await promisify(execFile)(PROMTOOL, args);
    return stdout + stderr;
  } catch (error) {
    const { stdout, stderr } = error as { stdout: string; stderr: string };
    throw new Error(`promtool ${args.join(' ')}\n${stdout}${stderr}`, { cause: error });
  }
}

async function isOnPath(): Promise<boolean> {
  const child = spawn(PROMTOOL, ['--version'], { stdio: 'ignore' });
  return once(child, 'exit').then(
    () => true,
    () => false,
  );
}
