/** One row of a file: of CSV texts by the names of its columns, of NDJSON what the object of its line holds. */
export interface Row {
  /** Where it ends in the file, from 1 on. */
  readonly line: number;
  readonly columns: Readonly<Record<string, unknown>>;
}
