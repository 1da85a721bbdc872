import type { ToldCells, ToldEntry } from '../jobs/told.js';
import { kindOf } from '../operations/outcome.js';
import type { Cell } from '../redis/cell.js';
import type { CellChange } from './event.js';

const NONE: ToldCells = { s: [], n: [], w: 0 };

/** In the place of a value: the cell holds something else than a whole number, or may not be read. */
const UNREAD = '?';

/** What the updates of an entry changed, one after the other: what one of them leaves, the next finds. */
export class CellChanges {
  readonly #cells = new Map<number, Cell>();
  readonly #values = new Map<number, number | null>();
  /** By step: the values that it left, empty where they are its outcome. */
  readonly #after: readonly string[];
  #update = 0;
  #step = 0;
  #place = 0;

  private constructor(
    private readonly told: ToldCells,
    fields: ToldEntry['fields'],
    private readonly isReservedKey: (key: string) => boolean,
  ) {
    for (const [index, key] of told.s.entries()) {
      this.#cells.set(index + 1, { key });
    }
    for (const [key, numbers, names] of told.h ?? []) {
      numbers.forEach((number, place) => this.#cells.set(number, { key, field: names[place] ?? '' }));
    }
    for (const [key, numbers, names] of told.z ?? []) {
      numbers.forEach((number, place) => this.#cells.set(number, { key, member: names[place] ?? '' }));
    }
    if (fields['b'] !== undefined) {
      const before = fields['b'].split(',');
      for (const [place, number] of [...this.#cells.keys()].entries()) {
        if (before[place] !== UNREAD) {
          this.#values.set(number, valueOf(before[place]));
        }
      }
    }
    this.#after = (fields['a'] ?? '').split(';');
  }

  /** @param isReservedKey whether a key is Tally's own: what it keeps of reservations is nobody's cell */
  static of(fields: ToldEntry['fields'], isReservedKey: (key: string) => boolean): CellChanges {
    return new CellChanges((JSON.parse(fields['c'] ?? 'null') as ToldCells | null) ?? NONE, fields, isReservedKey);
  }

  /** The cells of the next update, each once. @param outcome in the script's form */
  next(outcome: string): CellChange[] {
    const steps = this.told.u?.[this.#update] ?? (this.told.n.length > 0 ? 1 : 0);
    this.#update += 1;
    const isApplied = kindOf(outcome) === 'applied';
    const parts = isApplied ? outcome.split('|') : [];
    const changes = new Map<number, CellChange>();
    for (let step = 0; step < steps; step += 1) {
      const numbers = this.#nextStep();
      const told = this.#after[this.#step - 1] ?? '';
      const after = isApplied ? (told === '' ? (parts[step] ?? '') : told).split(',') : undefined;
      for (const [place, number] of numbers.entries()) {
        const before = this.#values.get(number);
        if (before !== undefined && after !== undefined) {
          this.#values.set(number, valueOf(after[place]));
        }
        const first = changes.get(number);
        changes.set(number, this.#change(number, first === undefined ? before : first.before));
      }
    }
    return [...changes.values()].filter(({ key }) => !this.isReservedKey(key));
  }

  /** The numbers of the cells of the next step. */
  #nextStep(): readonly number[] {
    const { n, w } = this.told;
    const width = typeof w === 'number' ? w : (w[this.#step] ?? 0);
    this.#step += 1;
    this.#place += width;
    return n.slice(this.#place - width, this.#place);
  }

  #change(number: number, before: number | null | undefined): CellChange {
    const cell = this.#cells.get(number) ?? { key: '' };
    const after = this.#values.get(number);
    return before === undefined || after === undefined ? cell : { ...cell, before, after };
  }
}

function valueOf(text: string | undefined): number | null {
  return text === undefined || text === '' || text === '-' ? null : Number(text);
}
