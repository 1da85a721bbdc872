const pids = new Set<number>();

/**
 * Makes sure that a process does not outlive this one, even a frozen one.
 *
 * @returns what to call when it has ended by itself
 */
export function endWithSupervisor(pid: number): () => void {
  if (pids.size === 0) {
    process.once('exit', killAll);
  }
  pids.add(pid);
  return () => {
    pids.delete(pid);
    if (pids.size === 0) {
      process.off('exit', killAll);
    }
  };
}

function killAll(): void {
  for (const pid of pids) {
    process.kill(pid, 'SIGKILL');
  }
}
