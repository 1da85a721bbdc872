import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { parseAllDocuments } from 'yaml';

/** Where a file of the repository is. */
export function pathOf(file: string): string {
  return fileURLToPath(new URL(`../../${file}`, import.meta.url));
}

export function textOf(file: string): string {
  return readFileSync(pathOf(file), 'utf8');
}

/**
 * The documents of a YAML file.
 *
 * @throws where it is not YAML, or says something twice
 */
export function documentsOf<T>(file: string): T[] {
  return parseAllDocuments(textOf(file), { merge: true }).map((document) => {
    const [fault] = [...document.errors, ...document.warnings];
    if (fault !== undefined) {
      throw new Error(`${file}: ${fault.message}`);
    }
    return document.toJS() as T;
  });
}
