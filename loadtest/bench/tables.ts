import type { Backlog } from './backlog.js';
import type { SpreadResult, SpreadWorkload } from './cluster.js';
import type { Contender, Program } from './contender.js';
import type { Cost } from './cpu.js';
import type { HttpFigures, HttpSide } from './http/sides.js';
import type { Idle } from './idle.js';
import type { Kept } from './kept-outcomes.js';
import type { Latency } from './latency.js';
import type { Memory } from './memory.js';
import type { Ratio } from './ratios.js';
import type { Throughput } from './throughput.js';

/** A Markdown table with its columns aligned. */
export function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const widths = head.map((title, column) => Math.max(title.length, ...rows.map((row) => row[column]?.length ?? 0)));
  const line = (cells: readonly string[]) =>
    `| ${cells.map((cell, column) => (column === 0 ? cell.padEnd(widths[column] ?? 0) : cell.padStart(widths[column] ?? 0))).join(' | ')} |`;
  const rule = `| ${widths.map((width, column) => (column === 0 ? '-'.repeat(width) : `${'-'.repeat(width - 1)}:`)).join(' | ')} |`;
  return [line(head), rule, ...rows.map(line)].join('\n');
}

export function throughputTable(
  contenders: readonly (Contender | Program)[],
  results: ReadonlyMap<string, Throughput>,
): string {
  const rows = contenders.map(({ name, title }) => {
    const result = results.get(name);
    return result === undefined
      ? [`${name}: ${title}`, 'not here', '']
      : [
          `${name}: ${title}`,
          result.perSecond.toLocaleString('en'),
          `${Math.min(...result.rounds).toLocaleString('en')} - ${Math.max(...result.rounds).toLocaleString('en')}`,
        ];
  });
  return table(['side', 'updates/s', 'lowest - highest'], rows);
}

export function ratioTable(ratios: readonly Ratio[]): string {
  const rows = ratios.map(({ name, value }) => [name, value.toFixed(2)]);
  return table(['ratio of medians', ''], rows);
}

export function cpuTable(contenders: readonly Contender[], costs: ReadonlyMap<string, Cost>): string {
  const rows = contenders.flatMap(({ name }) => {
    const cost = costs.get(name);
    return cost === undefined
      ? []
      : [
          [
            name,
            ...[cost.producer, cost.redisAdd, cost.worker, cost.redisApply, cost.total].map((us) => us.toFixed(2)),
          ],
        ];
  });
  const parts = ['producer', 'Redis, to add', 'worker', 'Redis, to apply', 'together'];
  return table(['us of processor time per update, each part alone', ...parts], rows);
}

export function httpTable(sides: readonly HttpSide[], results: ReadonlyMap<string, HttpFigures>): string {
  const rows = sides.flatMap(({ name, title, perRequest }) => {
    const found = results.get(name);
    if (found === undefined) {
      return [];
    }
    const { perSecond, rounds, p50Ms, p99Ms } = found;
    const plain = results.get(perRequest === 1 ? 'plain-http-single' : `plain-http-${perRequest}`)?.perSecond;
    return [
      [
        `${name}: ${title}`,
        perSecond.toLocaleString('en'),
        `${Math.min(...rounds).toLocaleString('en')} - ${Math.max(...rounds).toLocaleString('en')}`,
        plain === undefined ? '' : (perSecond / plain).toFixed(2),
        p50Ms.toFixed(1),
        p99Ms.toFixed(1),
      ],
    ];
  });
  return table(['side', 'updates/s', 'lowest - highest', 'x plain', 'p50 ms', 'p99 ms'], rows);
}

export function latencyTable(latencies: readonly Latency[]): string {
  const rows = latencies.map(({ name, perSecond, p50Ms, p99Ms }) => [
    `${name} at ${perSecond.toLocaleString('en')}/s`,
    p50Ms.toFixed(2),
    p99Ms.toFixed(2),
  ]);
  return table(['submit to outcome', 'p50 ms', 'p99 ms'], rows);
}

export function memoryTable(memories: readonly Memory[]): string {
  const rows = memories.map(({ name, waiting, completed, receipt }) => [
    name,
    ...[waiting, completed, receipt].map((bytes) => bytes.toFixed(0)),
  ]);
  return table(['bytes of Redis per update', 'waiting', 'completed, kept', 'receipt'], rows);
}

export function keptTable(kept: readonly Kept[]): string {
  const rows = kept.map(({ how, updates, bytes, reckoned, keyReceipt }) => [
    how,
    updates.toLocaleString('en'),
    ...[bytes, reckoned, keyReceipt].map((value) => value.toFixed(0)),
  ]);
  return table(['completed updates, bytes of Redis each', 'updates', 'kept', 'as reckoned', "its key's receipt"], rows);
}

export function idleTable(idle: readonly Idle[]): string {
  const rows = idle.map(({ masters, partitions, connections, commandsPerSecond, microsPerSecond }) => [
    placeOf(masters, partitions),
    connections.toFixed(0),
    commandsPerSecond.toFixed(1),
    microsPerSecond.toFixed(0),
  ]);
  return table(['an idle worker of all queues', 'connections', 'commands/s', 'us of Redis a second'], rows);
}

export function backlogTable(backlogs: readonly Backlog[]): string {
  const rows = backlogs.map(({ waiting, maxBatch, perSecond, addMicros, totalMicros, ratio }) => [
    `${waiting.toLocaleString('en')} waiting, ${maxBatch} in a job`,
    perSecond.toLocaleString('en'),
    ...[addMicros, totalMicros - addMicros, totalMicros, ratio].map((value) => value.toFixed(2)),
  ]);
  return table(['tally, us of Redis per update', 'updates/s', 'to add', 'to apply', 'both', 'x fewest waiting'], rows);
}

export function clusterTables(workloads: readonly SpreadWorkload[], results: readonly SpreadResult[]): string {
  const head = [
    ...['us of Redis', 'commands', 'us of worker', 'us of producer', 'bytes of receipts', 'updates a receipt'],
    ...['busiest master', 'calls by master'],
  ];
  return workloads
    .map(({ name, title }) => {
      const rows = results.filter(({ workload }) => workload === name).map(clusterRow);
      return table([`${title}, per update`, ...head], rows);
    })
    .join('\n\n');
}

function placeOf(masters: number | undefined, partitions: number | undefined): string {
  const where = masters === undefined ? 'one server' : `Cluster, ${masters} ${masters === 1 ? 'master' : 'masters'}`;
  const split =
    partitions === undefined ? 'not split' : `${partitions} ${partitions === 1 ? 'partition' : 'partitions'}`;
  return `${where}, ${split}`;
}

function clusterRow({ masters, partitions, ...cost }: SpreadResult): string[] {
  return [
    placeOf(masters, partitions),
    ...[cost.redisMicros, cost.commands, cost.workerMicros, cost.producerMicros].map((value) => value.toFixed(1)),
    cost.receiptBytes.toFixed(0),
    cost.perReceipt.toFixed(1),
    `${(cost.busiestShare * 100).toFixed(0)} %`,
    Number.isNaN(cost.answeredShare) ? '-' : `${(cost.answeredShare * 100).toFixed(1)} %`,
  ];
}
