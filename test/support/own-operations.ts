import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { onTestFinished } from 'vitest';

const BUILT = pathToFileURL(new URL('../../dist/src/index.js', import.meta.url).pathname).href;

/** `energy.spend`, as docs/custom-operations.md has it, but without types. */
export const ENERGY_SPEND = `
  import { cellObject, defineOperation, wholeNumber } from '${BUILT}';
  export const energySpend = defineOperation({
    name: 'energy.spend',
    params: cellObject({ amount: wholeNumber({ min: 1 }) }),
    cells: (params) => [params],
    args: ({ amount }) => [amount],
    lua: \`return function(cells, args)
      if cells[1] < args[1] then
        return nil, 'NOT_ENOUGH_ENERGY', { cells[1] }
      end
      local left = cells[1] - args[1]
      return { left }, { left }
    end\`,
    result: ([energy = 0]) => ({ energy }),
  });
`;

/** A module in a folder of its own, removed after the test. @returns its path */
export function moduleFile(text: string, name = 'operations.mjs'): string {
  const folder = mkdtempSync(join(tmpdir(), 'tally-operations-'));
  onTestFinished(() => {
    rmSync(folder, { recursive: true });
  });
  const file = join(folder, name);
  writeFileSync(file, text);
  return file;
}
