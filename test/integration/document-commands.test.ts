import { execFile } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));

const docs = readdirSync(join(ROOT, 'docs')).filter((file) => file.endsWith('.md'));
const pages = ['README.md', 'CONTRIBUTING.md', 'deploy/README.md', ...docs.map((file) => `docs/${file}`)];

/** What the pages say in code: in blocks, line by line, and within sentences. */
const code = pages.flatMap((page) => {
  const text = readFileSync(join(ROOT, page), 'utf8');
  const blocks = [...text.matchAll(/^ *```(?:console|sh)\n(.*?)^ *```/gms)].flatMap(([, block = '']) =>
    block.replaceAll('\\\n', ' ').split('\n'),
  );
  const spans = [...text.replaceAll(/^ *```.*?^ *```/gms, '').matchAll(/`([^`]+)`/g)].map(([, span = '']) => span);
  return [...blocks, ...spans].map((line) => ({ page, line: line.replaceAll(/\s+/g, ' ') }));
});

interface Command {
  readonly commands: ReadonlySet<string>;
  readonly options: ReadonlySet<string>;
}

const known = new Map<string, Promise<Command>>();

/** What a command says of itself by `--help`. */
function helpOf(path: readonly string[]): Promise<Command> {
  const name = path.join(' ');
  const command = known.get(name) ?? readHelp(path);
  known.set(name, command);
  return command;
}

async function readHelp(path: readonly string[]): Promise<Command> {
  const args = [join(ROOT, 'dist/cli/main.js'), ...path, '--help'];
  const { stdout } = await promisify(execFile)(process.execPath, args);
  const [, commands = ''] = stdout.split(/^Commands:$/m);
  return {
    commands: new Set([...commands.matchAll(/^ {2}([\w-]+)/gm)].map(([, found = '']) => found)),
    options: new Set([...stdout.matchAll(/^ {2}(?:(-\w), )?(--[\w-]+)/gm)].flatMap(([, ...found]) => found)),
  };
}

/** Which of its options a command line names that there are not; the line itself where there is no such command. */
async function unknownIn(line: string): Promise<string[]> {
  const words = line.split(' ');
  const path: string[] = [];
  let command = await helpOf(path);
  for (const word of words) {
    if (!command.commands.has(word)) {
      break;
    }
    path.push(word);
    command = await helpOf(path);
  }
  if (path.length === 0 && !line.startsWith('-')) {
    return [line];
  }
  const named = [...line.matchAll(/(?<=^|[[ |(])--?[a-z][\w-]*/g)].map(([option]) => option);
  return named.filter((option) => !command.options.has(option));
}

test('every command of the documents is one of tally, with options that it has', async () => {
  const calls = code.flatMap(({ page, line }) => {
    const [, words] = /^(?:\$ )?(?:npx |[A-Z_]+=\S* )*tally ([^#'"|&;>]*)/.exec(line) ?? [];
    return words === undefined ? [] : [{ page, line, words: words.trim() }];
  });
  expect(calls.length).toBeGreaterThan(100);
  const unknown = await Promise.all(
    calls.map(async ({ page, line, words }) => ((await unknownIn(words)).length === 0 ? [] : [`${page}: ${line}`])),
  );
  expect(unknown.flat()).toEqual([]);
});

test('every npm script of the documents is in package.json', () => {
  const { scripts } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')) as { scripts: object };
  const named = code.flatMap(({ page, line }) =>
    [...line.matchAll(/npm run ([\w:-]+)/g)].map(([, script = '']) => ({ page, script })),
  );
  expect(named.length).toBeGreaterThan(20);
  expect(named.filter(({ script }) => !(script in scripts))).toEqual([]);
});
