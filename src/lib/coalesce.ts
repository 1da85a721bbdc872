/** One call for all who ask while it is under way, and no other before it has ended: none pile up while Redis hangs. */
export function coalesce<Answer>(ask: () => Promise<Answer>): () => Promise<Answer> {
  let asking: Promise<Answer> | undefined;
  return () =>
    (asking ??= ask().finally(() => {
      asking = undefined;
    }));
}
