/** `12,345` */
export function count(number: number): string {
  return number.toLocaleString('en', { maximumFractionDigits: 0 });
}

/** `1 update`, `12,345 updates` */
export function countOf(number: number, one: string, several = `${one}s`): string {
  return `${count(number)} ${number === 1 ? one : several}`;
}

/** Three digits or so, as no latency is known better: `0.84`, `2.8`, `1,234`. */
export function milliseconds(ms: number): string {
  const digits = ms < 1 ? 2 : ms < 100 ? 1 : 0;
  return ms.toLocaleString('en', { maximumFractionDigits: digits });
}

/** `30 s`, `1.5 s` */
export function seconds(ms: number): string {
  return `${(ms / 1000).toLocaleString('en', { maximumFractionDigits: 1 })} s`;
}

/** `12.5 %` */
export function percent(share: number): string {
  return `${(share * 100).toLocaleString('en', { maximumFractionDigits: 1 })} %`;
}

/** `2026-11-21 11:50:03 UTC` */
export function moment(iso: string): string {
  return `${iso.slice(0, 19).replace('T', ' ')} UTC`;
}
