/** What a connection is for, see {@link connectPatiently} and {@link connectPromptly}. */
export interface ConnectionProfile {
  readonly connectionName: string;
  /** Milliseconds after which a command fails; undefined when it waits for as long as it takes. */
  readonly timeoutMs: number | undefined;
}

/**
 * Of every connection. ioredis would wait 2 s for a server that does not answer to end a connection, and ask one that loads its
 * data every 10 s: both keep a process running that has closed all else.
 */
const QUICK_TO_END = { disconnectTimeout: 100, maxLoadingRetryTime: 300 } as const;

export function profileOptions({ connectionName, timeoutMs }: ConnectionProfile) {
  return {
    ...QUICK_TO_END,
    connectionName,
    ...(timeoutMs === undefined
      ? { maxRetriesPerRequest: null }
      : { maxRetriesPerRequest: 1, commandTimeout: timeoutMs, connectTimeout: timeoutMs }),
  };
}

/** A server that says nothing for so long is left, for the master that takes its place: no command takes longer. */
export const SILENCE_MS = 15_000;

/** Blocking reads take up to 10 s, whatever silence a user lets other connections bear. */
export function copyOptions<Options extends { socketTimeout?: number | undefined }>(options: Options): Options {
  return { ...options, socketTimeout: Math.max(options.socketTimeout ?? 0, SILENCE_MS) };
}
