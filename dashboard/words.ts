/** How long something takes or took, for people: `2 h 5 min`. */
export function durationWords(ms: number): string {
  const seconds = Math.round(ms / 1000);
  if (seconds < 120) {
    return seconds < 1 && ms > 0 ? 'less than 1 s' : `${seconds} s`;
  }
  const minutes = Math.round(seconds / 60);
  if (minutes < 120) {
    return `${minutes} min`;
  }
  const hours = Math.round(minutes / 60);
  return hours < 48 ? `${hours} h` : `${Math.round(hours / 24)} days`;
}

/** A time that somebody has set, exactly: `60 s`, `1,500 ms`. */
export function exactWords(ms: number): string {
  return ms % 1_000 === 0 ? `${(ms / 1_000).toLocaleString('en')} s` : `${ms.toLocaleString('en')} ms`;
}

/** A count for people, with commas. */
export function countWords(count: number, what: string, many = `${what}s`): string {
  return `${count.toLocaleString('en')} ${count === 1 ? what : many}`;
}

/** `a, b and c`. */
export function listWords(names: readonly string[]): string {
  const [last = '', ...others] = [...names].reverse();
  return others.length === 0 ? last : `${others.reverse().join(', ')} and ${last}`;
}

/** Memory for people. */
export function mebibytes(bytes: number): string {
  return `${Math.round(bytes / 1024 / 1024).toLocaleString('en')} MiB`;
}
