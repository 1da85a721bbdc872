/** One integer in Redis: a string key, a field of a hash, or the score of a sorted set's member. */
export interface Cell {
  readonly key: string;
  readonly field?: string | undefined;
  readonly member?: string | undefined;
}

/** A text that is the same for two cells only if they are the same cell. */
export function cellId({ key, field, member }: Cell): string {
  if (field !== undefined) {
    return `h${key.length}:${key}${field}`;
  }
  return member !== undefined ? `z${key.length}:${key}${member}` : `s${key}`;
}

/** The cell that an id of {@link cellId} names; undefined for another text. */
export function parseCellId(id: string): Cell | undefined {
  if (id.startsWith('s')) {
    return { key: id.slice(1) };
  }
  const [, kind, length, rest = ''] = /^([hz])(\d+):(.*)$/s.exec(id) ?? [];
  const [key, name] = [rest.slice(0, Number(length)), rest.slice(Number(length))];
  return kind === undefined ? undefined : kind === 'h' ? { key, field: name } : { key, member: name };
}

/** The cell alone, without what else the object holds. */
export function cellName({ key, field, member }: Cell): Cell {
  return { key, ...(field !== undefined && { field }), ...(member !== undefined && { member }) };
}

/** How a cell is written for people: `key`, `key field f` or `key member m`. */
export function describeCell({ key, field, member }: Cell): string {
  if (field !== undefined) {
    return `"${key}" field "${field}"`;
  }
  return member !== undefined ? `"${key}" member "${member}"` : `"${key}"`;
}
