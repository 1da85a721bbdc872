/** One integer in Redis: a string key, a field of a hash, or the score of a sorted set's member. */
export interface Cell {
  readonly key: string;
  readonly field?: string | undefined;
  readonly member?: string | undefined;
}

/** What Tally keeps of the holds on a stock: how much they are together; of each how much, until when, and how it ended. */
export type HoldPart = 'total' | 'quantity' | 'end' | 'closing';

/**
 * A cell that Tally keeps beside the stock that an update names. `Keys.hold` tells where; until then it goes by the key of the
 * stock, whose slot and rights it shares.
 */
export class HoldCell implements Cell {
  readonly key: string;

  /** @param reservation none for `total` */
  constructor(
    readonly stock: Cell,
    readonly part: HoldPart,
    readonly reservation = '',
  ) {
    this.key = stock.key;
  }
}

/** A text that is the same for two cells only if they are the same cell. */
export function cellId(cell: Cell): string {
  if (cell instanceof HoldCell) {
    const { part, reservation, stock } = cell;
    return `${part}${reservation.length}:${reservation}${cellId(stock)}`;
  }
  const { key, field, member } = cell;
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
export function describeCell(cell: Cell): string {
  if (cell instanceof HoldCell) {
    const { part, reservation, stock } = cell;
    return `${part === 'total' ? 'what is held' : `the reservation "${reservation}"`} of ${describeCell(stock)}`;
  }
  const { key, field, member } = cell;
  if (field !== undefined) {
    return `"${key}" field "${field}"`;
  }
  return member !== undefined ? `"${key}" member "${member}"` : `"${key}"`;
}
