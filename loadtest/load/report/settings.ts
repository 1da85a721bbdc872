import type { LoadResult, LoadSettings, LoopSettings, Topology } from '../result.js';
import { describeTopology } from '../topology.js';
import { commandOf } from './command.js';
import { count, countOf, milliseconds, moment, percent, seconds } from './figures.js';
import { html } from '../../../src/web/html.js';
import type { Html } from '../../../src/web/html.js';

/** What was asked for, on which machine, and how to ask for it again. */
export function settingsSection(result: LoadResult): Html {
  const rows = [...settingsOf(result.settings), ...circumstancesOf(result)];
  return html`<section>
    <h2>Settings</h2>
    <dl class="card">
      ${rows.map(
        ([name, value]) =>
          html`<dt>${name}</dt>
            <dd>${value}</dd>`,
      )}
    </dl>
    <h2>Run it again</h2>
    <pre><code>${commandOf(result)}</code></pre>
    ${
      result.settings.target === 'queue' &&
      !result.settings.self &&
      html`<p class="muted">
        With the same Redis in <code>REDIS_URL</code>: <code>${result.settings.targetUrl}</code>
      </p>`
    }
  </section>`;
}

function settingsOf(settings: LoadSettings): [name: string, value: string][] {
  const { scenario, target, targetUrl, self, loop, mix, keys, skew, nemeses, runId } = settings;
  const shares = Object.entries(mix).filter(([, share]) => share > 0);
  return [
    ['Scenario', scenario ?? 'none, flags alone'],
    ['Target', `${target}, ${targetUrl}${self ? ', started for the load' : ''}`],
    ['Redis', redisOf(settings.topology)],
    ['Load', loopOf(loop)],
    ['Time', `${seconds(settings.durationMs)}, ${countOf(settings.updateLimit, 'update')} at most`],
    ['Mix', shares.map(([family, share]) => `${family} ${percent(share)}`).join(', ')],
    ['Keys', `${count(keys)} of each kind, ${skew === 0 ? 'all alike' : `skew ${skew} (Zipf)`}`],
    ['Idempotency keys', `${percent(settings.idempotentShare)} of the updates`],
    ['Each update sent', settings.sendings === 1 ? 'once' : `${settings.sendings} times`],
    ['Updates by one call', count(settings.batch)],
    ['Nemeses', nemeses.length === 0 ? 'none' : nemeses.join(', ')],
    ['Seed', String(settings.seed)],
    ['Keys of the run', `load:${runId}:…`],
  ];
}

function circumstancesOf({ tally, compared, machine }: LoadResult): [name: string, value: string][] {
  return [
    [
      'Started',
      [tally, ...(compared === undefined ? [] : [compared])].map(({ startedAt }) => moment(startedAt)).join(', then '),
    ],
    ['Versions', `Tally ${machine.tally}, Node ${machine.node}, ${machine.redis}`],
    ['Machine', `${machine.platform}, ${countOf(machine.cores, 'core')}`],
  ];
}

function redisOf(topology: Topology): string {
  return [describeTopology(topology), ...topology.masters].join(', ');
}

function loopOf(loop: LoopSettings): string {
  switch (loop.kind) {
    case 'open':
      return `open loop, ${loop.ramp ? 'up to ' : ''}${countOf(loop.perSecond, 'update')} a second`;
    case 'closed':
      return `closed loop, ${loop.ramp ? 'up to ' : ''}${countOf(loop.callers, 'caller')}`;
    case 'search':
      return `search for the highest rate with a p99 of ${milliseconds(loop.p99LimitMs)} ms`;
  }
}
