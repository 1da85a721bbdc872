/** What stands in the receipt of an idempotency key, see `lua/apply.lua`. */
export interface KeyReceipt {
  readonly form: number;
  /** Where it lies in a Cluster, or would. */
  readonly slot: number;
  readonly fingerprint: string;
  /** The update that was the first with this key. */
  readonly updateId: string;
  /** In the script's form. */
  readonly outcome: string;
}

/** @returns undefined for what Tally did not write */
export function decodeKeyReceipt(text: string | null): KeyReceipt | undefined {
  const [, form, slot, fingerprint = '', updateId = '', outcome = ''] =
    /^tally\/(\d+) (\S+) (\S+) (\S+) (.*)$/s.exec(text ?? '') ?? [];
  return form === undefined ? undefined : { form: Number(form), slot: Number(slot), fingerprint, updateId, outcome };
}
