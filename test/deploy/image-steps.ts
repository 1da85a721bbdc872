import { execFile } from 'node:child_process';
import { cpSync, mkdirSync, readdirSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { Copy, DockerfileParser } from 'dockerfile-ast';
import type { Instruction } from 'dockerfile-ast';
import { matchesPattern } from '../../src/lib/pattern.js';
import { pathOf, textOf } from './files.js';

export const DOCKERFILE = 'deploy/docker/Dockerfile';

/** An image as it would be started: made without Docker, by what its Dockerfile says, on this system. */
export interface Image {
  /** What is `/` in the image. */
  readonly root: string;
  readonly workdir: string;
  readonly environment: Readonly<Record<string, string>>;
  readonly user: string;
  readonly entrypoint: readonly string[];
  readonly command: readonly string[];
  readonly healthCheck: readonly string[];
}

type Stage = { -readonly [Field in keyof Image]: Image[Field] };

/**
 * Takes the steps of the Dockerfile, each stage in a folder of this one, which stands for its root. Base images and system users are
 * this machine's. Understands the instructions that ours has, and no others.
 */
export async function buildImage(folder: string): Promise<Image> {
  const stages: (Stage & { name: string | null })[] = [];
  for (const instruction of DockerfileParser.parse(textOf(DOCKERFILE)).getInstructions()) {
    if (instruction.getKeyword() === 'FROM') {
      const name = instruction.getArguments()[2]?.getValue() ?? null;
      stages.push({ name, ...emptyStage(join(folder, String(stages.length))) });
    } else {
      const stage = stages.at(-1) as Stage;
      const source = (name: string) => stages.find((it) => it.name === name)?.root;
      await take(instruction, stage, source);
    }
  }
  return stages.at(-1) as Stage;
}

function emptyStage(root: string): Stage {
  return { root, workdir: root, environment: {}, user: 'root', entrypoint: [], command: [], healthCheck: [] };
}

async function take(
  instruction: Instruction,
  stage: Stage,
  rootOf: (stage: string) => string | undefined,
): Promise<void> {
  const words = instruction.getArguments().map((argument) => argument.getValue());
  switch (instruction.getKeyword()) {
    case 'WORKDIR':
      stage.workdir = join(stage.root, words[0] ?? '');
      mkdirSync(stage.workdir, { recursive: true });
      return;
    case 'COPY':
      copy(instruction, words, stage, rootOf);
      return;
    case 'RUN':
      await run(instruction.getArgumentsContent() ?? '', stage.workdir);
      return;
    case 'ENV':
      stage.environment = Object.fromEntries(words.map((word) => word.split('=', 2) as [string, string]));
      return;
    case 'USER':
      stage.user = words[0] ?? '';
      return;
    case 'ENTRYPOINT':
      stage.entrypoint = execForm(instruction);
      return;
    case 'CMD':
      stage.command = execForm(instruction);
      return;
    case 'HEALTHCHECK':
      stage.healthCheck = execForm(instruction);
      return;
    case 'EXPOSE':
      return;
    default:
      throw new Error(`the test does not know the instruction ${instruction.getKeyword()}`);
  }
}

/** The words of `["node", "x"]`, after flags and the like. */
function execForm(instruction: Instruction): string[] {
  const text = instruction.getArgumentsContent() ?? '';
  return JSON.parse(text.slice(text.indexOf('['))) as string[];
}

function copy(
  instruction: Instruction,
  words: readonly string[],
  { workdir }: Stage,
  rootOf: (stage: string) => string | undefined,
): void {
  const from = instruction instanceof Copy ? instruction.getFromFlag()?.getValue() : undefined;
  const sources = words.slice(0, -1);
  const target = join(workdir, words.at(-1) ?? '');
  for (const source of sources) {
    const path = from === undefined || from === null ? contextPath(source) : join(rootOf(from) ?? '', source);
    const isOnlyFolder = sources.length === 1 && !basename(source).includes('.');
    // As Docker does: a folder's content goes into the target, a file by its name.
    for (const each of matching(path)) {
      cpSync(each, isOnlyFolder ? target : join(target, basename(each)), { recursive: true });
    }
  }
}

/** The files that a path means whose name may hold `*`. */
function matching(path: string): string[] {
  const [folder, pattern] = [dirname(path), basename(path)];
  return pattern.includes('*')
    ? readdirSync(folder).flatMap((name) => (matchesPattern(pattern, name) ? join(folder, name) : []))
    : [path];
}

/** @throws when the file is kept out of what Docker is given */
function contextPath(source: string): string {
  const allowed = textOf('.dockerignore').split('\n');
  if (!allowed.includes('*') || !allowed.includes(`!${source}`)) {
    throw new Error(`.dockerignore keeps ${source} out: add the line !${source}`);
  }
  return pathOf(source);
}

async function run(command: string, cwd: string): Promise<void> {
  const environment = { PATH: process.env['PATH'], HOME: process.env['HOME'], npm_config_prefer_offline: 'true' };
  await promisify(execFile)('sh', ['-c', command], { cwd, env: environment, maxBuffer: 64 * 1024 * 1024 });
}
