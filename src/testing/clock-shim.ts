import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const SOURCE = fileURLToPath(new URL('clock-shim.c', import.meta.url));
const COMPILERS = ['cc', 'gcc', 'clang'];

/**
 * The path of the compiled `clock-shim.c`. It is compiled once for each text of the source, however many processes of
 * this machine ask for it at the same time: what is there under its name is always whole.
 */
export function clockShim(): string {
  const folder = ownFolder();
  const digest = createHash('sha256').update(readFileSync(SOURCE)).update(process.arch).digest('hex').slice(0, 16);
  const library = join(folder, `${digest}.so`);
  if (!existsSync(library)) {
    const unfinished = mkdtempSync(join(folder, 'compiling-'));
    const compiled = join(unfinished, 'clock-shim.so');
    compile(compiled);
    renameSync(compiled, library);
    rmSync(unfinished, { recursive: true });
  }
  return library;
}

/** A folder that only this user can write: what lies in it is loaded into a program. */
function ownFolder(): string {
  const user = process.getuid?.() ?? 0;
  const folder = join(tmpdir(), `tally-clock-shim-${user}`);
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  if (statSync(folder).uid !== user) {
    throw new Error(`${folder} belongs to somebody else: remove it`);
  }
  return folder;
}

function compile(library: string): void {
  for (const compiler of COMPILERS) {
    const { error, status, stderr } = spawnSync(compiler, ['-shared', '-fPIC', '-O2', '-Wall', '-o', library, SOURCE], {
      encoding: 'utf8',
    });
    if (status === 0) {
      return;
    }
    if (error === undefined) {
      throw new Error(`${compiler} can't compile ${SOURCE}: ${stderr}`);
    }
  }
  throw new Error(
    `none of ${COMPILERS.join(', ')} is on the PATH, and the clock of a Redis is moved by a library in C: install one ` +
      '(Debian: apt-get install gcc libc6-dev)',
  );
}
