/** What a schema says when nobody has put it into words. */
const WITHOUT_WORDS = /invalid input|too (small|big)|expected|unrecognized|received/i;

export interface Told {
  readonly path: string;
  readonly message: string;
}

/** What is wrong with how a fault is told that is at a place. */
export function faultOf({ path, message }: Told, at: string): string | undefined {
  const isThere = path === at || path.startsWith(`${at}[`) || path.startsWith(`${at}.`);
  return isThere && message !== '' && !WITHOUT_WORDS.test(message.replaceAll(/"[^"]*"|expected: /g, ''))
    ? undefined
    : `${path}: ${message}`;
}
