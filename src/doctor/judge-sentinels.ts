import type { Finding } from '../redis/requirements.js';
import type { SentinelAnswer } from '../redis/sentinels.js';
import { count, fault, ok, warning } from './finding.js';

/** What the Sentinels say of themselves and of the servers that they watch. */
export function judgeSentinels(answers: readonly SentinelAnswer[]): Finding[] {
  const subject = 'sentinels';
  const unreachable = answers.flatMap(({ address, problem }) =>
    problem === undefined ? [] : [`${address} ${problem}`],
  );
  const known = answers.filter(({ problem }) => problem === undefined);
  const [first] = known;
  const masters = [...new Set(known.map(({ master }) => master && `${master.host}:${master.port}`))];
  const quorumProblem = known.find((answer) => answer.quorumProblem !== undefined)?.quorumProblem;
  const down = (first?.replicas ?? []).filter(({ isDown }) => isDown).map(({ address }) => address);
  const replicas = first?.replicas?.length ?? 0;
  return [
    ...unreachable.map((message) => warning(subject, message)),
    ...(first === undefined ? [] : [ok(subject, `${1 + (first.others ?? 0)} know each other`)]),
    ...(masters.length > 1
      ? [fault('master', `the Sentinels name different masters: ${masters.join(', ')}; wait for the failover to end`)]
      : masters.map((address) => ok('master', `${address}, with ${count(replicas, 'replica')}`))),
    ...(quorumProblem === undefined
      ? known.slice(0, 1).map(() => ok('quorum', 'enough Sentinels reach each other for a failover'))
      : [fault('quorum', `no failover is possible: ${quorumProblem.replace(/^NOQUORUM /, '')}`)]),
    ...(first?.others !== undefined && first.others < 2
      ? [warning('quorum', 'fewer than three Sentinels: with one of them gone there may be no failover')]
      : []),
    ...(first !== undefined && replicas === 0
      ? [warning('replicas', 'there is no replica that could take over: start one')]
      : []),
    ...(down.length > 0 ? [warning('replicas', `down: ${down.join(', ')}`)] : []),
  ];
}
