import js from '@eslint/js';
import tseslint from 'typescript-eslint';

/** Imports run one way: cli, dashboard -> producers, workers -> metrics -> jobs -> layout, bullmq -> operations, redis -> lib. */
const mayNotImport = (folder, forbidden) => ({
  files: [`${folder}/**/*.ts`],
  rules: {
    'no-restricted-imports': [
      'error',
      {
        patterns: forbidden.map((target) => ({
          group: [`**/${target}/*.js`],
          message: `${folder} stands below ${target}, see ARCHITECTURE.md`,
        })),
      },
    ],
  },
});

const entryPoints = ['producers', 'workers', 'cli', 'dashboard', 'loadtest'];

export default tseslint.config(
  { ignores: ['dist/', 'node_modules/', '.tally/'] },
  js.configs.recommended,
  {
    files: ['**/*.ts'],
    extends: [...tseslint.configs.strictTypeChecked, ...tseslint.configs.stylisticTypeChecked],
    languageOptions: { parserOptions: { projectService: true, tsconfigRootDir: import.meta.dirname } },
    rules: {
      '@typescript-eslint/restrict-template-expressions': ['error', { allowNumber: true, allowBoolean: true }],
      '@typescript-eslint/switch-exhaustiveness-check': ['error', { considerDefaultExhaustiveForUnions: true }],
      '@typescript-eslint/consistent-type-imports': 'error',
      '@typescript-eslint/no-unused-vars': ['error', { argsIgnorePattern: '^_', varsIgnorePattern: '^_' }],
      eqeqeq: 'error',
      'no-console': 'error',
      'max-lines': ['error', 350],
      'max-lines-per-function': ['error', { max: 60, skipBlankLines: true, skipComments: true }],
    },
  },
  mayNotImport('src/lib', ['redis', 'operations', 'layout', 'bullmq', 'jobs', 'metrics', ...entryPoints]),
  mayNotImport('src/operations', ['layout', 'bullmq', 'jobs', 'metrics', ...entryPoints]),
  mayNotImport('src/redis', ['layout', 'bullmq', 'jobs', 'metrics', ...entryPoints]),
  mayNotImport('src/layout', ['bullmq', 'jobs', 'metrics', ...entryPoints]),
  mayNotImport('src/bullmq', ['layout', 'jobs', 'metrics', ...entryPoints]),
  mayNotImport('src/jobs', ['metrics', ...entryPoints]),
  mayNotImport('src/metrics', entryPoints),
  mayNotImport('src/producers', ['workers', 'cli', 'dashboard', 'loadtest']),
  mayNotImport('src/workers', ['producers', 'cli', 'dashboard', 'loadtest']),
  mayNotImport('dashboard', ['cli', 'loadtest']),
  {
    files: ['test/**/*.ts'],
    rules: { 'max-lines-per-function': 'off', '@typescript-eslint/no-non-null-assertion': 'off' },
  },
  { files: ['cli/**/*.ts', 'examples/**/*.ts', 'loadtest/**/*.ts'], rules: { 'no-console': 'off' } },
  { files: ['scripts/*.mjs'], languageOptions: { globals: { console: 'readonly', process: 'readonly' } } },
);
