import { readFileSync } from 'node:fs';

/** The text of a file in `lua/`. `dist/` mirrors the repository, so the same relative path serves both. */
export function luaSource(file: string): string {
  return readFileSync(new URL(`../../lua/${file}.lua`, import.meta.url), 'utf8');
}
