import type { Contender } from './contender.js';
import type { Throughput } from './throughput.js';

/** A Markdown table with its columns aligned. */
function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const widths = head.map((title, column) => Math.max(title.length, ...rows.map((row) => row[column]?.length ?? 0)));
  const line = (cells: readonly string[]) =>
    `| ${cells.map((cell, column) => (column === 0 ? cell.padEnd(widths[column] ?? 0) : cell.padStart(widths[column] ?? 0))).join(' | ')} |`;
  const rule = `| ${widths.map((width, column) => (column === 0 ? '-'.repeat(width) : `${'-'.repeat(width - 1)}:`)).join(' | ')} |`;
  return [line(head), rule, ...rows.map(line)].join('\n');
}

export function throughputTable(contenders: readonly Contender[], results: ReadonlyMap<string, Throughput>): string {
  const ratio = (rate: number, base: string) => {
    const other = results.get(base)?.perSecond;
    return other === undefined ? '' : (rate / other).toFixed(2);
  };
  const rows = contenders.map(({ name, title }) => {
    const result = results.get(name);
    return result === undefined
      ? [`${name}: ${title}`, 'not here', '', '', '']
      : [
          `${name}: ${title}`,
          result.perSecond.toLocaleString('en'),
          `${Math.min(...result.rounds).toLocaleString('en')} - ${Math.max(...result.rounds).toLocaleString('en')}`,
          ratio(result.perSecond, 'plain-bullmq'),
          ratio(result.perSecond, 'evalsha-pipelined'),
        ];
  });
  return table(['side', 'updates/s', 'lowest - highest', 'x plain-bullmq', 'x evalsha-pipelined'], rows);
}
