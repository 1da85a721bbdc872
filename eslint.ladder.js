import { createNodeResolver, importX } from 'eslint-plugin-import-x';

/**
 * The ladder of folders, from the lowest rung up. Each may import what stands on its own or on a lower rung; what stands on one rung
 * side by side does not import each other. ARCHITECTURE.md draws it.
 */
const LADDER = [
  ['src/errors.ts'],
  ['src/lib'],
  ['src/redis'],
  ['src/operations'],
  ['src/layout'],
  ['src/options.ts'],
  ['src/bullmq'],
  ['src/jobs'],
  ['src/metrics'],
  ['src/doctor'],
  ['src/readers'],
  ['src/producers'],
  ['src/workers'],
  ['src/subscribers'],
  ['src/index.ts', 'src/testing'],
  ['src/web'],
  ['src/api'],
  ['loadtest/plain-bullmq'],
  ['dashboard', 'loadtest/load'],
  ['cli', 'loadtest/bench'],
  ['examples'],
  ['test'],
];

function zonesOf(rung, index) {
  return rung.map((target) => {
    const beside = rung.filter((other) => other !== target);
    return {
      target: `./${target}`,
      from: [...beside, ...LADDER.slice(index + 1).flat()].map((path) => `./${path}`),
      message: `it does not stand below ${target}: see ARCHITECTURE.md`,
    };
  });
}

/** Imports run one way. That they run in no circle, `.dependency-cruiser.js` says: it sees those of types as well. */
export const ladder = {
  files: ['**/*.ts'],
  plugins: { 'import-x': importX },
  settings: {
    'import-x/resolver-next': [createNodeResolver({ extensionAlias: { '.js': ['.ts', '.js'] } })],
    'import-x/extensions': ['.ts'],
  },
  rules: {
    'import-x/no-restricted-paths': [
      'error',
      { basePath: import.meta.dirname, zones: LADDER.flatMap(zonesOf).filter(({ from }) => from.length > 0) },
    ],
  },
};
