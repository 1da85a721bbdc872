/** What was removed from the stream before it was read, because of the stream's bounds or by hand. */
export interface Gap {
  /** The time of the last update before it, or of the cursor; absent where it is not known. ISO 8601. */
  readonly from?: string;
  /** The time of the first update behind it; absent when there is none yet. ISO 8601. */
  readonly to?: string;
  /** How many updates are missing; absent where that is not known, as after a failover that forgot some, or a reset. */
  readonly lost?: number;
}
