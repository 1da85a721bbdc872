/** Says what runs now. */
export type Report = (what: string) => void;

/** One line that changes on a terminal, a line each otherwise. On stderr, so that stdout holds the figures alone. */
export function progress(stream: NodeJS.WriteStream = process.stderr): { report: Report; done(): void } {
  const startedAt = performance.now();
  const line = (what: string) => `${((performance.now() - startedAt) / 1000).toFixed(0).padStart(4)} s  ${what}`;
  if (!stream.isTTY) {
    return { report: (what) => stream.write(`${line(what)}\n`), done: () => undefined };
  }
  return {
    report: (what) => {
      stream.clearLine(0);
      stream.cursorTo(0);
      stream.write(line(what));
    },
    done: () => {
      stream.clearLine(0);
      stream.cursorTo(0);
    },
  };
}
