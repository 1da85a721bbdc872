import type { Deployment, StatefulSet } from 'kubernetes-types/apps/v1.js';
import type { CronJob } from 'kubernetes-types/batch/v1.js';
import type { ConfigMap, Container, PodSpec, Service } from 'kubernetes-types/core/v1.js';
import type { NetworkPolicy } from 'kubernetes-types/networking/v1.js';
import type { PodDisruptionBudget } from 'kubernetes-types/policy/v1.js';
import { expect, test } from 'vitest';
import { z } from 'zod';
import { readConfig } from '../../cli/config.js';
import { documentsOf } from './files.js';
import { typeFaults } from './kubernetes-types.js';
import { manifestFiles, manifests, ofKind } from './manifests.js';
import { expectGoodRedis } from './redis-command.js';
import { longestStopSeconds } from './stop-time.js';

const deployments = ofKind<Deployment>('Deployment');
const [redis] = ofKind<StatefulSet>('StatefulSet');
const workloads = [...deployments, redis!].map((workload) => {
  const { labels = {} } = workload.spec!.template.metadata!;
  const pod = workload.spec!.template.spec!;
  return { name: workload.metadata!.name!, labels, pod, container: pod.containers[0]! };
});

test('every manifest keeps to the API of Kubernetes, unknown fields included', () => {
  const known = manifests().filter(({ kind }) => kind !== 'ScaledObject');
  expect(known.length).toBeGreaterThan(15);
  expect(typeFaults(known)).toEqual([]);
  const [first] = deployments;
  const misspelt = { ...first!, spec: { ...first!.spec!, replcas: 2 } };
  expect(typeFaults([misspelt as never])).toEqual([expect.stringContaining('replcas')]);
});

test('kustomize applies every file but the one that needs KEDA', () => {
  const [{ resources }] = documentsOf<{ resources: string[] }>('deploy/kubernetes/kustomization.yaml') as [never];
  expect([...(resources as string[]), 'keda.yaml'].sort()).toEqual(manifestFiles().sort());
});

test('every night a copy is taken by a job that may do no more than others', () => {
  const [job] = ofKind<CronJob>('CronJob');
  const { spec: template } = job!.spec!.jobTemplate;
  const pod = template!.template.spec!;
  expect(job!.spec!.concurrencyPolicy).toBe('Forbid');
  expect(pod.securityContext).toMatchObject({ runAsNonRoot: true, seccompProfile: { type: 'RuntimeDefault' } });
  expect(podOf(pod).securityContext).toEqual({
    allowPrivilegeEscalation: false,
    readOnlyRootFilesystem: true,
    capabilities: { drop: ['ALL'] },
  });
  const { labels = {} } = template!.template.metadata!;
  const policies = ofKind<NetworkPolicy>('NetworkPolicy').filter(({ spec }) =>
    JSON.stringify(spec).includes('"backup"'),
  );
  expect(labels['app.kubernetes.io/component']).toBe('backup');
  expect(policies.map(({ metadata }) => metadata!.name)).toEqual(['tally-redis', 'tally-to-redis']);
});

test('no process is root, can become root, or can write where it should not', () => {
  for (const { name, pod, container } of workloads) {
    expect(pod.securityContext, name).toMatchObject({ runAsNonRoot: true, seccompProfile: { type: 'RuntimeDefault' } });
    expect(pod.securityContext!.runAsUser, name).toBeGreaterThan(0);
    expect(pod.automountServiceAccountToken, name).toBe(false);
    expect(container.securityContext, name).toEqual({
      allowPrivilegeEscalation: false,
      readOnlyRootFilesystem: true,
      capabilities: { drop: ['ALL'] },
    });
  }
});

test('everything is probed, and asks for what it needs', () => {
  for (const { name, container } of workloads) {
    expect(Object.keys(container.resources?.requests ?? {}), name).toEqual(['cpu', 'memory']);
    expect(Object.keys(container.resources?.limits ?? {}), name).toEqual(['memory']);
    for (const probe of [container.startupProbe, container.readinessProbe, container.livenessProbe]) {
      expect(probe, name).toBeDefined();
      expect(portNames(container), name).toContain(probe!.httpGet?.port ?? container.ports?.[0]?.name);
    }
  }
});

test('a stop has longer than Tally takes for it, and the settings are ones that Tally knows', () => {
  const [settings] = ofKind<ConfigMap>('ConfigMap');
  for (const { name, labels, pod, container } of workloads.filter(({ container: { image } }) => image === 'tally')) {
    const environment = { ...settings!.data, ...ownVariables(container) };
    const [program, seconds = '0'] = container.lifecycle?.preStop?.exec?.command ?? [];
    // Who is sent requests stops only when none is sent any more.
    expect({ name, program }).toEqual({ name, program: isServed(labels) ? 'sleep' : undefined });
    expect(pod.terminationGracePeriodSeconds).toBeGreaterThan(Number(seconds) + longestStopSeconds(environment));
  }
});

test('no pod gets the variables of services, which Tally would refuse', () => {
  const [service] = ofKind<Service>('Service');
  const variable = `${service!.metadata!.name!.toUpperCase().replaceAll('-', '_')}_PORT`;
  expect(() => readConfig({ [variable]: 'tcp://10.0.0.1:80' })).toThrow(`${variable}: unknown variable`);
  expect(workloads.map(({ pod }) => pod.enableServiceLinks)).toEqual(workloads.map(() => false));
});

test('services and policies mean pods and ports that there are', () => {
  for (const service of ofKind<Service>('Service')) {
    const [selected] = selectedBy(service.spec!.selector);
    for (const { targetPort } of service.spec!.ports ?? []) {
      expect(portNames(selected!.container)).toContain(targetPort);
    }
  }
  for (const { spec } of ofKind<NetworkPolicy>('NetworkPolicy')) {
    for (const { container } of spec!.podSelector.matchLabels ? selectedBy(spec!.podSelector.matchLabels) : []) {
      const ports = (spec!.ingress ?? []).flatMap((rule) => rule.ports ?? []);
      expect(ports.map(({ port }) => port)).toEqual(portNames(container));
    }
  }
});

test('no more than one API or worker is taken away at a time, and Redis never', () => {
  const budgets = ofKind<PodDisruptionBudget>('PodDisruptionBudget').map(({ spec }) => {
    const selected = selectedBy(spec!.selector!.matchLabels);
    return [selected.map(({ name }) => name).join(), spec!.maxUnavailable];
  });
  expect(Object.fromEntries(budgets)).toEqual({ 'tally-api': 1, 'tally-worker': 1, 'tally-redis': 0 });
});

test('behind an ingress, API and dashboard know the path and the callers', () => {
  const [settings] = ofKind<ConfigMap>('ConfigMap');
  expect(settings!.data).toHaveProperty('TALLY_BASE_PATH');
  const served = workloads.filter(({ labels, container: { image } }) => image === 'tally' && isServed(labels));
  expect(served.map(({ name }) => name)).toEqual(['tally-api', 'tally-dashboard']);
  for (const { name, container } of served) {
    expect(container.envFrom, name).toEqual([{ configMapRef: { name: settings!.metadata!.name } }]);
    const { TALLY_DASHBOARD_PROXY_ADDRESSES: addresses } = readConfig(ownVariables(container));
    expect(addresses, name).toEqual(['10.0.0.0/8']);
  }
});

test('a Redis outside of the cluster is reached once its network is named', () => {
  const policies = ofKind<NetworkPolicy>('NetworkPolicy').flatMap(({ spec }) => spec!.egress ?? []);
  const outside = policies.filter(({ to }) => to?.some(({ ipBlock }) => ipBlock !== undefined));
  expect(outside).toEqual([
    { to: [{ ipBlock: { cidr: '192.0.2.0/24' } }], ports: [{ port: 6379, protocol: 'TCP' }] }, // to be replaced
  ]);
});

test('what is not allowed is refused: all traffic but that of a policy', () => {
  const policies = ofKind<NetworkPolicy>('NetworkPolicy');
  const everything = policies.find(({ spec }) => Object.keys(spec!.podSelector).length === 0);
  expect(everything?.spec).toEqual({ podSelector: {}, policyTypes: ['Ingress', 'Egress'] });
  expect(policies.filter(({ spec }) => spec!.ingress?.some((rule) => !rule.from || !rule.ports))).toEqual([]);
});

test('Redis starts with the append-only file, without eviction and behind its password', async () => {
  const { command = [], startupProbe } = podOf(redis!.spec!.template.spec!);
  await expectGoodRedis(command, startupProbe!.exec!.command![2]!);
});

test('the scaler has bounds, scales the workers, and does not take silence of Prometheus for an empty backlog', () => {
  const trigger = z.strictObject({
    type: z.literal('prometheus'),
    metadata: z.strictObject({
      serverAddress: z.url(),
      query: z.string(),
      threshold: z.string().regex(/^\d+$/),
      ignoreNullValues: z.literal('false'),
    }),
  });
  const spec = z.strictObject({
    scaleTargetRef: z.strictObject({ name: z.enum(deployments.map(({ metadata }) => metadata!.name!)) }),
    minReplicaCount: z.int().min(1),
    maxReplicaCount: z.int().max(50),
    pollingInterval: z.int().min(5),
    fallback: z.strictObject({ failureThreshold: z.int(), replicas: z.int().min(1) }),
    advanced: z.object({ horizontalPodAutoscalerConfig: z.object({}) }),
    triggers: z.tuple([trigger, trigger, trigger]),
  });
  const [scaler] = ofKind<{ apiVersion: string; spec: unknown }>('ScaledObject');
  expect(scaler?.apiVersion).toBe('keda.sh/v1alpha1');
  const { scaleTargetRef, triggers } = spec.parse(scaler?.spec);
  expect(scaleTargetRef.name).toBe('tally-worker');
  // The backlog, how late it is, and how long it will take; that Tally has these metrics, `queries.test.ts` says.
  expect(triggers.map(({ metadata }) => /tally_\w+/.exec(metadata.query)?.[0])).toEqual([
    'tally_updates_waiting',
    'tally_oldest_waiting_job_age_seconds',
    'tally_queue_drain_seconds',
  ]);
  // Applying the deployment again must not undo what the scaler did.
  const [worker] = deployments.filter(({ metadata }) => metadata!.name === 'tally-worker');
  expect(worker!.spec).not.toHaveProperty('replicas');
});

function podOf({ containers }: PodSpec): Container {
  return containers[0]!;
}

function portNames({ ports = [] }: Container): (string | undefined)[] {
  return ports.map(({ name }) => name);
}

/** The variables that the manifest itself gives; that of a secret is a Redis. */
function ownVariables({ env = [] }: Container): Record<string, string> {
  return Object.fromEntries(env.map(({ name, value }) => [name, value ?? 'redis://:secret@tally-redis:6379']));
}

/** Whether a service sends it requests. */
function isServed(labels: Readonly<Record<string, string>>): boolean {
  return ofKind<Service>('Service').some(({ spec }) =>
    Object.entries(spec!.selector ?? {}).every(([label, value]) => labels[label] === value),
  );
}

function selectedBy(selector: Readonly<Record<string, string>> = {}) {
  return workloads.filter(({ labels }) => Object.entries(selector).every(([label, value]) => labels[label] === value));
}
