import ts from 'typescript';
import { pathOf } from './files.js';
import type { Manifest } from './manifests.js';

/** Where the package kubernetes-types has the type of each group. */
const MODULES: Readonly<Record<string, string>> = {
  v1: 'core/v1.js',
  'apps/v1': 'apps/v1.js',
  'batch/v1': 'batch/v1.js',
  'policy/v1': 'policy/v1.js',
  'networking.k8s.io/v1': 'networking/v1.js',
};

/**
 * What the types of Kubernetes' API have against these manifests: fields that don't exist, are missing or are of
 * another type. Each is checked as an object literal, since TypeScript looks for unknown fields only there.
 */
export function typeFaults(manifests: readonly Manifest[]): string[] {
  const lines = manifests.map((manifest) => {
    const module = MODULES[manifest.apiVersion] ?? `no-types-of/${manifest.apiVersion}`;
    return `(${JSON.stringify(manifest)}) satisfies import('kubernetes-types/${module}').${manifest.kind};`;
  });
  const file = pathOf('test/deploy/manifests-as-literals.ts'); // exists in memory only
  const source = ts.createSourceFile(file, [...lines, 'export {};'].join('\n'), ts.ScriptTarget.ESNext);
  const options: ts.CompilerOptions = {
    strict: true,
    noEmit: true,
    skipLibCheck: true,
    types: [],
    target: ts.ScriptTarget.ESNext,
    module: ts.ModuleKind.NodeNext,
  };
  const host = ts.createCompilerHost(options);
  const program = ts.createProgram([file], options, {
    ...host,
    getSourceFile: (name, ...rest) => (name === file ? source : host.getSourceFile(name, ...rest)),
    fileExists: (name) => name === file || host.fileExists(name),
  });
  return ts.getPreEmitDiagnostics(program).map(({ start = 0, messageText }) => {
    const { line } = source.getLineAndCharacterOfPosition(start);
    const { kind, metadata } = manifests[line] ?? {};
    return `${kind ?? ''} ${metadata?.name ?? ''}: ${ts.flattenDiagnosticMessageText(messageText, '\n')}`;
  });
}
