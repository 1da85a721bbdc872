import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const MAX_README_BYTES = 8_192;

const inDocs = readdirSync(join(ROOT, 'docs')).filter((file) => file.endsWith('.md'));
const decisions = readdirSync(join(ROOT, 'docs/decisions')).map((file) => join('docs/decisions', file));
const ofRoot = readdirSync(ROOT).filter((file) => file.endsWith('.md'));
const pages = [...ofRoot, ...inDocs.map((file) => join('docs', file)), ...decisions, 'deploy/README.md'];

const textOf = (file: string) => readFileSync(join(ROOT, file), 'utf8');

/** What a heading is called in a link. */
const anchorsOf = (text: string) =>
  new Set(
    [...text.matchAll(/^#+ (.*)$/gm)].map(([, heading = '']) =>
      heading
        .toLowerCase()
        .replace(/[^\p{L}\p{N} _-]/gu, '')
        .replaceAll(' ', '-'),
    ),
  );

test.each(pages)('links of %s lead to pages and headings that there are', (file) => {
  const links = [...textOf(file).matchAll(/\]\(([^)\s]+)\)/g)].map(([, link = '']) => link);
  const broken = links.filter((link) => {
    const [path = '', anchor] = link.split('#');
    if (/^[a-z]+:/.test(link) || path.startsWith('<')) {
      return false;
    }
    const target = path === '' ? file : join(dirname(file), path);
    if (!existsSync(join(ROOT, target))) {
      return true;
    }
    return anchor !== undefined && target.endsWith('.md') && !anchorsOf(textOf(target)).has(anchor);
  });
  expect(broken).toEqual([]);
});

test('the index names every page, and the README is short', () => {
  const index = textOf('docs/README.md');
  expect(inDocs.filter((file) => file !== 'README.md' && !index.includes(`(${file})`))).toEqual([]);
  expect(statSync(join(ROOT, 'README.md')).size).toBeLessThan(MAX_README_BYTES);
});
