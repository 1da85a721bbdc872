import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { ConfigurationError } from '../errors.js';
import { isOperation } from './operation.js';
import type { Operation } from './operation.js';

/** Why Node can't import a module of this ending, by what its error says. */
const WORDS: Readonly<Record<string, string>> = {
  ERR_UNKNOWN_FILE_EXTENSION: 'this Node runs no TypeScript: compile it, and name the file that comes out',
  ERR_UNSUPPORTED_NODE_MODULES_TYPE_STRIPPING: 'Node runs no TypeScript of packages: they must be compiled',
};

/**
 * Imports the user's own operations: all that a module exports, by themselves, in a list or as its default.
 *
 * @param name the path of a file, or a package; both as seen from this folder
 * @throws ConfigurationError when it can't be imported, or exports none
 */
export async function importOperations(name: string, folder = process.cwd()): Promise<Operation[]> {
  const exported = await importFrom(name, folder);
  const operations = new Set<Operation>();
  for (const [exportName, value] of Object.entries(exported)) {
    for (const each of valuesOf(exportName, value)) {
      if (isOperation(each)) {
        operations.add(each);
      } else if (typeof each === 'object' && each !== null && 'lua' in each) {
        throw new ConfigurationError(
          `${name} exports "${exportName}", which has no form of an operation of this version: export what defineOperation returns`,
        );
      }
    }
  }
  if (operations.size === 0) {
    throw new ConfigurationError(`${name} exports no operation: export what defineOperation returns`);
  }
  return [...operations];
}

/** A CommonJS module has all that it exports as its default too. */
function valuesOf(exportName: string, value: unknown): readonly unknown[] {
  if (Array.isArray(value)) {
    return value;
  }
  const isRecord = ['default', 'module.exports'].includes(exportName) && typeof value === 'object' && value !== null;
  return isRecord && !isOperation(value) && !('lua' in value) ? Object.values(value).flat() : [value];
}

async function importFrom(name: string, folder: string): Promise<Record<string, unknown>> {
  try {
    return (await import(locate(name, folder))) as Record<string, unknown>;
  } catch (error) {
    const { code = '', message } = error as NodeJS.ErrnoException;
    throw new ConfigurationError(`can't import the operations of ${name}: ${WORDS[code] ?? message}`, { cause: error });
  }
}

function locate(name: string, folder: string): string {
  const file = resolve(folder, name);
  if (/^\.{0,2}\//.test(name) || existsSync(file)) {
    return pathToFileURL(file).href;
  }
  try {
    return pathToFileURL(createRequire(join(folder, 'here.js')).resolve(name)).href;
  } catch {
    return name; // a package that can't be required, or lies beside Tally's own
  }
}
