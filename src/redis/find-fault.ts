import { nodeOptions } from './cluster-nodes.js';
import { connectOnce } from './connect-once.js';
import { askSentinels } from './sentinels.js';
import type { ClusterTarget, ServerOptions } from './target.js';

/**
 * Why none of the nodes or Sentinels that a target names can be reached: for a connection to them ioredis does not say.
 *
 * @returns undefined when all can
 */
export async function findFault(target: ServerOptions | ClusterTarget, timeoutMs: number): Promise<string | undefined> {
  const faults = target.nodes === undefined ? askEach(target, timeoutMs) : connectToEach(target, timeoutMs);
  return (await faults).find((fault) => fault !== undefined);
}

async function askEach(target: ServerOptions, timeoutMs: number): Promise<(string | undefined)[]> {
  const answers = await askSentinels(target, timeoutMs);
  return answers.map(({ address, problem }) => problem && `Sentinel ${address} ${problem}`);
}

function connectToEach(target: ClusterTarget, timeoutMs: number): Promise<(string | undefined)[]> {
  const connecting = target.nodes.map(async ({ host, port }) => {
    const { redis } = await connectOnce(nodeOptions(target, `${host}:${port}`), timeoutMs);
    redis.disconnect();
  });
  return Promise.all(
    connecting.map((it) =>
      it.then(
        () => undefined,
        (error: unknown) => (error as Error).message,
      ),
    ),
  );
}
