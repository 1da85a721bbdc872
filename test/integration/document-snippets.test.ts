import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import ts from 'typescript';
import { expect, test } from 'vitest';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const DOCS = join(ROOT, 'docs');

const textOf = (...path: string[]) => readFileSync(join(ROOT, ...path), 'utf8');

/** An excerpt stands further left in a page than in its file. */
const unindented = (code: string) => code.replaceAll(/^ +/gm, '');

const sources = ['examples', 'test/consumers'].flatMap((folder) =>
  readdirSync(join(ROOT, folder), { recursive: true, encoding: 'utf8' })
    .filter((file) => file.endsWith('.ts'))
    .map((file) => unindented(textOf(folder, file))),
);

/** Their blocks of `js` are one program, which `documents.test.ts` runs. */
const PROGRAMS = ['README.md', 'docs/library.md'];

const pages = ['README.md', ...readdirSync(DOCS).flatMap((file) => (file.endsWith('.md') ? [`docs/${file}`] : []))];

/** The pieces of code of all pages that are not a part of something which is run. */
const unrun = pages.flatMap((page) => {
  const text = textOf(page);
  const blocks = [...text.matchAll(/^ *```(ts|js)\n(.*?)^ *```$/gms)];
  return blocks.flatMap(({ index, 1: language = '', 2: code = '' }) => {
    const isRun =
      (language === 'js' && PROGRAMS.includes(page)) || sources.some((source) => source.includes(unindented(code)));
    const line = text.slice(0, index).split('\n').length + 1;
    return isRun ? [] : [{ file: join(DOCS, `${page.replaceAll(/\W/g, '-')}-${line}.${language}`), page, line, code }];
  });
});

/** What pieces of code use that stands before them on their page, or is the reader's. */
const GLOBALS = `
import type { Express, Request } from 'express';
import type * as tally from 'tally';
declare global {
  const app: Express;
  const redis: string;
  const energySpend: tally.Operation;
  const createSubscriber: typeof tally.createSubscriber;
  function alertSomebody(words: string): void;
  function createService(options: { redis: string }): { checkout(cart: string): Promise<tally.Outcome> };
  function sendMail(words: string, options: { idempotencyKey: string }): Promise<void>;
  function show(event: unknown): void;
  function teamOf(request: Request): Promise<string | undefined>;
}
declare module 'vitest' {
  interface Matchers<T> extends OutcomeMatchers {}
}
import type { OutcomeMatchers } from 'tally/testing';
`;

test('every piece of code in the documents is run by a test, or is right as far as types can tell', () => {
  const globals = join(DOCS, 'globals.ts');
  const texts = new Map([[globals, GLOBALS], ...unrun.map(({ file, code }) => [file, `${code}\nexport {};`] as const)]);
  const { config } = ts.readConfigFile(join(ROOT, 'tsconfig.json'), (file) => ts.sys.readFile(file)) as {
    config: object;
  };
  const { options } = ts.parseJsonConfigFileContent({ ...config, files: [], include: [] }, ts.sys, ROOT);
  const onDisk = ts.createCompilerHost(options);
  const host: ts.CompilerHost = {
    ...onDisk,
    fileExists: (file) => texts.has(file) || onDisk.fileExists(file),
    readFile: (file) => texts.get(file) ?? onDisk.readFile(file),
    getSourceFile: (file, version, ...others) => {
      const text = texts.get(file);
      return text === undefined
        ? onDisk.getSourceFile(file, version, ...others)
        : ts.createSourceFile(file, text, version);
    },
  };
  const program = ts.createProgram(
    [...texts.keys()],
    {
      ...options,
      allowJs: true,
      checkJs: true,
      lib: ['lib.es2024.d.ts', 'lib.dom.d.ts'],
      paths: {
        tally: ['./src/index.ts'],
        'tally/http': ['./src/api/api.ts'],
        'tally/testing': ['./src/testing/index.ts'],
      },
    },
    host,
  );
  const faults = [...texts.keys()].flatMap((file) => {
    const source = program.getSourceFile(file);
    const snippet = unrun.find((it) => it.file === file);
    return [...program.getSyntacticDiagnostics(source), ...program.getSemanticDiagnostics(source)].map(
      ({ messageText, start = 0 }) => {
        const line = source?.getLineAndCharacterOfPosition(start).line ?? 0;
        const place = snippet ? `${snippet.page}:${snippet.line + line}` : `globals:${line}`;
        return `${place} ${ts.flattenDiagnosticMessageText(messageText, '\n')}`;
      },
    );
  });
  expect(faults).toEqual([]);
  expect(unrun.length).toBeGreaterThan(4);
});
