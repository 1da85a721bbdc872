import type { Argument, History, Step } from '../operations/operation.js';
import { HoldCell } from '../redis/cell.js';
import type { Cell } from '../redis/cell.js';
import type { Keys } from '../redis/keys.js';

/** The steps of a job, laid out as the script reads them. One pass over them: a busy worker does little else. */
export class StepList {
  readonly cells = new CellTable();
  readonly cellNumbers: number[] = [];
  readonly args: Argument[] = [];
  readonly shapes = new ShapeList();

  constructor(private readonly keys: Pick<Keys, 'hold'>) {}

  add(step: Step): void {
    const { operation, cells, args, ttlSeconds, renewTtl = false, late = false, ttlFrom = 0, history } = step;
    for (const cell of cells) {
      const isHold = cell instanceof HoldCell;
      const number = this.cells.number(isHold ? this.keys.hold(cell) : cell);
      this.cellNumbers.push(number);
      if (history !== false && !isHold) {
        this.cells.keepHistory(number, history);
      }
    }
    for (const argument of args) {
      this.args.push(argument);
    }
    this.shapes.add(operation, cells.length, args.length, ttlSeconds ?? false, renewTtl, late, ttlFrom);
  }
}

/** What a step is like, but for the cells and arguments themselves. */
interface Shape {
  readonly operation: string;
  readonly cells: number;
  readonly args: number;
  readonly ttl: number | false;
  readonly renew?: true;
  readonly late?: true;
  readonly ttlFrom?: number;
}

/** The shapes of all steps, each once: most jobs have a single one. */
class ShapeList {
  readonly #shapes: Shape[] = [];
  readonly #numbers = new Map<string, number>();
  readonly #ofSteps: number[] = [];
  #latest: Shape = { operation: '', cells: 0, args: 0, ttl: false };
  #latestNumber = 0;

  add(
    operation: string,
    cells: number,
    args: number,
    ttl: number | false,
    renew: boolean,
    late: boolean,
    ttlFrom: number,
  ): void {
    const latest = this.#latest;
    if (
      operation !== latest.operation ||
      cells !== latest.cells ||
      args !== latest.args ||
      ttl !== latest.ttl ||
      renew !== (latest.renew === true) ||
      late !== (latest.late === true) ||
      ttlFrom !== (latest.ttlFrom ?? 1) - 1
    ) {
      const from = ttlFrom > 0 && { ttlFrom: ttlFrom + 1 };
      this.#latest = { operation, cells, args, ttl, ...(renew && { renew }), ...(late && { late }), ...from };
      this.#latestNumber = this.#numberOf(this.#latest);
    }
    this.#ofSteps.push(this.#latestNumber);
  }

  encode(): { shapes: readonly Shape[]; shapeOfStep?: readonly number[] } {
    return { shapes: this.#shapes, ...(this.#shapes.length > 1 && { shapeOfStep: this.#ofSteps }) };
  }

  /** How many cells each step has, or all. */
  widths(): readonly number[] | number {
    const [first] = this.#shapes;
    return this.#shapes.length > 1
      ? this.#ofSteps.map((number) => this.#shapes[number - 1]?.cells ?? 0)
      : (first?.cells ?? 0);
  }

  #numberOf(shape: Shape): number {
    const id = JSON.stringify(shape);
    const number = this.#numbers.get(id) ?? this.#shapes.push(shape);
    this.#numbers.set(id, number);
    return number;
  }
}

/** A hash or sorted set with the cells of it that a job touches. */
export interface Group {
  readonly key: string;
  readonly cells: number[];
  readonly names: string[];
  /** The number of each cell by its name. */
  readonly numbers: Map<string, number>;
}

/** Above any number of string cells in one job. */
const GROUPED_CELLS_FROM = 1_000_000;

/** Numbers the cells of a job, each once. String cells are 1, 2, ...; the others count from their own base. */
export class CellTable {
  readonly strings: string[] = [];
  readonly hashes = new Map<string, Group>();
  readonly sortedSets = new Map<string, Group>();
  readonly #stringNumbers = new Map<string, number>();
  /** Entries of history to keep, by the number of the cell. */
  readonly #histories = new Map<number, number>();
  #grouped = 0;

  number({ key, field, member }: Cell): number {
    if (field !== undefined) {
      return this.#numberIn(this.hashes, key, field);
    }
    return member !== undefined ? this.#numberIn(this.sortedSets, key, member) : this.#stringNumber(key);
  }

  /** Of several operations that change a cell, the longest history counts. */
  keepHistory(number: number, entries: number): void {
    this.#histories.set(number, Math.max(entries, this.#histories.get(number) ?? 0));
  }

  /** All cells with the entries of their histories, in the order in which the script reads them; none if none has one. */
  histories(): { cells: readonly Cell[]; entries: readonly History[] } {
    if (this.#histories.size === 0) {
      return { cells: [], entries: [] };
    }
    const cells: Cell[] = this.strings.map((key) => ({ key }));
    const numbers = this.strings.map((_key, index) => index + 1);
    for (const { key, names, cells: ofHash } of this.hashes.values()) {
      cells.push(...names.map((field) => ({ key, field })));
      numbers.push(...ofHash);
    }
    for (const { key, names, cells: ofSortedSet } of this.sortedSets.values()) {
      cells.push(...names.map((member) => ({ key, member })));
      numbers.push(...ofSortedSet);
    }
    return { cells, entries: numbers.map((number) => this.#histories.get(number) ?? false) };
  }

  #stringNumber(key: string): number {
    const known = this.#stringNumbers.get(key);
    if (known !== undefined) {
      return known;
    }
    const number = this.strings.push(key);
    this.#stringNumbers.set(key, number);
    return number;
  }

  #numberIn(groups: Map<string, Group>, key: string, name: string): number {
    let group = groups.get(key);
    if (group === undefined) {
      group = { key, cells: [], names: [], numbers: new Map() };
      groups.set(key, group);
    }
    const known = group.numbers.get(name);
    if (known !== undefined) {
      return known;
    }
    const number = GROUPED_CELLS_FROM + this.#grouped++;
    group.numbers.set(name, number);
    group.cells.push(number);
    group.names.push(name);
    return number;
  }
}
