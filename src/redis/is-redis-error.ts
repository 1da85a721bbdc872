/** Errors of JavaScript itself, and of checks: what throws them is a fault of ours, whatever Redis does. */
const OWN = new Set(['TypeError', 'RangeError', 'ReferenceError', 'SyntaxError', 'URIError', 'EvalError']);

/** Names of errors that ioredis makes, and of our own time limits. */
const OF_REDIS = new Set([
  'ReplyError',
  'AbortError',
  'InterruptError',
  'MaxRetriesPerRequestError',
  'ClusterAllFailedError',
  'NoAnswerError',
  'NotReplicatedError',
  'AggregateError',
]);

/** What ioredis, and BullMQ, say in plain errors. */
const WORDS_OF_REDIS =
  /^(Connection is closed|Command timed out|Too many Cluster redirections|None of startup nodes|Failed to refresh slots cache|All sentinels are unreachable|Stream isn't writeable|Socket timeout|Connection in subscriber mode|Cluster is ended|no answer|Redis master )/;

/** Of Node, but for those of sockets and TLS: ERR_INVALID_ARG_TYPE, ERR_ASSERTION ... */
const OWN_CODE = /^ERR_(?!TLS|SSL|OSSL|SOCKET|STREAM)/;

/** Whether an error tells of Redis or the way to it, as against a fault of ours, which no waiting mends. */
export function isRedisError(error: unknown): boolean {
  if (!(error instanceof Error) || OWN.has(error.name)) {
    return false;
  }
  const { name, message, code } = error as NodeJS.ErrnoException;
  return OF_REDIS.has(name) || WORDS_OF_REDIS.test(message) || (typeof code === 'string' && !OWN_CODE.test(code));
}
