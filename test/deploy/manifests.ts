import { readdirSync } from 'node:fs';
import { documentsOf, pathOf } from './files.js';

const FOLDER = 'deploy/kubernetes';

export interface Manifest {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: { readonly name: string };
}

/** All that is applied to Kubernetes. */
export function manifests(): Manifest[] {
  return manifestFiles().flatMap((file) => documentsOf<Manifest>(`${FOLDER}/${file}`));
}

/** The files with manifests; that of kustomize says how to apply them. */
export function manifestFiles(): string[] {
  return readdirSync(pathOf(FOLDER)).filter((file) => file !== 'kustomization.yaml');
}

/** Those of one kind. */
export function ofKind<T>(kind: string): T[] {
  return manifests().filter((manifest) => manifest.kind === kind) as unknown as T[];
}
