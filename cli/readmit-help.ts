/** What an operator has to know before. */
export const READMIT_HELP = `
A keyed update that stood for longer than its key is remembered fails as "unknown", TOO_OLD: its caller may have sent it
again under the same key, which was applied, and is forgotten by now. Then a new stamp counts it twice. Nothing can find
that out but a look at the cell, its history, or the caller: look first, begin with --dry-run, take one job with --job.
A waiting job whose window is not over yet (--waiting) has no such risk.`;
