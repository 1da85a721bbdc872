import { expect, test } from 'vitest';
import { blocksOf, MarkdownPage } from '../../dashboard/documents/markdown.js';

test('HTML in a document is shown as text, and only what is found becomes a link', () => {
  const page = new MarkdownPage((href) => (href === 'a.md' ? '/ops/docs/a' : undefined));
  const text = '<script>1</script>\n\n**b** <img src=x> [a](a.md) [x](javascript:alert(1)) `<i>`\n\n```\n<b>\n```\n';
  const shown = page.render(blocksOf(text)).join('');
  expect(shown).not.toMatch(/<script|<img|<i>|<b>|href="javascript/);
  expect(shown).toContain('<a href="/ops/docs/a">a</a>');
  expect(shown).toContain('<strong>b</strong>');
});
