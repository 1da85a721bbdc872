// Builds, packs, checks and publishes both packages: `npm run release`, or with `-- --dry-run` all but the last. Nothing is published
// that is not the last commit, its tag, and a section of the changelog.
import { spawnSync } from 'node:child_process';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const ROOT = join(dirname(fileURLToPath(import.meta.url)), '..');
const isDry = process.argv.includes('--dry-run');
const { version } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8'));

step('the working tree is that of the last commit', () => {
  const changed = read('git', ['status', '--porcelain', '--untracked-files=no']);
  return changed === '' || `uncommitted changes:\n${changed}`;
});
step(`the tag is v${version}`, () => {
  const tags = read('git', ['tag', '--points-at', 'HEAD']).split('\n');
  return tags.includes(`v${version}`) || `tag the commit first: git tag v${version}`;
});
const notes = notesOf(version);
step(`the changelog has a section ${version} with a date`, () =>
  notes === undefined
    ? `write it: ## ${version} - ${new Date().toISOString().slice(0, 10)}`
    : /^## \S+ - \d{4}-\d\d-\d\d$/m.test(notes.heading) || `it says "${notes.heading}": give it a date`,
);
if (isDry) {
  for (const name of ['tally', 'tally-service']) {
    console.log(`name ${name}: ${holderOf(name)}`);
  }
}
run('npm', ['run', 'test:consumers']);
run('npm', ['run', 'pack:two']);
writeFileSync(join(ROOT, 'packed/notes.md'), notes?.text ?? '');
const tarballs = readdirSync(join(ROOT, 'packed')).filter((file) => file.endsWith('.tgz'));
// The library comes first: the service is of no use to it, but not the other way round.
for (const tarball of tarballs.sort((one, other) => one.length - other.length)) {
  const tag = version.includes('-') ? 'next' : 'latest';
  const args = ['publish', `packed/${tarball}`, '--access', 'public', '--tag', tag, '--provenance'];
  if (isDry) {
    console.log(`would run: npm ${args.join(' ')}`);
  } else {
    run('npm', args);
  }
}

/** In a dry run a step that would stop the release is only said. */
function step(what, judge) {
  const verdict = judge();
  if (verdict === true) {
    console.log(`ok   ${what}`);
  } else if (isDry) {
    console.log(`todo ${what}: ${verdict}`);
  } else {
    fail(`not so: ${what}; ${verdict}`);
  }
}

/** Who is not its owner is refused by the registry, after all the rest. */
function holderOf(name) {
  const { stdout, stderr, status } = spawnSync('npm', ['view', name, 'version', 'description', '--json'], {
    cwd: ROOT,
    encoding: 'utf8',
    timeout: 60_000,
  });
  if (status === 0) {
    const { version: latest, description } = JSON.parse(stdout);
    return `${latest} is published, "${description}": if that is not Tally, publish in a scope`;
  }
  return stderr.includes('E404') ? 'free' : 'not known, the registry does not answer';
}

function notesOf(wanted) {
  const sections = readFileSync(join(ROOT, 'CHANGELOG.md'), 'utf8').split(/^(?=## )/m);
  const section = sections.find((it) => it.startsWith(`## ${wanted} `) || it.startsWith(`## ${wanted}\n`));
  const [heading = '', ...lines] = section?.split('\n') ?? [];
  return section && { heading, text: `${lines.join('\n').trim()}\n` };
}

function read(program, args) {
  return spawnSync(program, args, { cwd: ROOT, encoding: 'utf8' }).stdout.trim();
}

function run(program, args) {
  const { status } = spawnSync(program, args, { cwd: ROOT, stdio: 'inherit' });
  if (status !== 0) {
    fail(`${program} ${args.join(' ')} failed`);
  }
}

function fail(message) {
  console.error(`release: ${message}`);
  process.exit(1);
}
