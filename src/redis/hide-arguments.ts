/**
 * Takes the arguments of commands off an error and whatever it holds: ioredis hangs them on, and those of AUTH and HELLO are a
 * user name and a password. It is to be called before anybody else sees the error, since logs print all that an error has.
 *
 * @returns the same error
 */
export function hideArguments<Kind>(error: Kind): Kind {
  hide(error, new Set());
  return error;
}

function hide(value: unknown, seen: Set<unknown>): void {
  if (!(value instanceof Error) || seen.has(value)) {
    return;
  }
  seen.add(value);
  const holder = value as Error & {
    command?: { name: string; args?: unknown };
    lastNodeError?: unknown;
    previousErrors?: unknown;
    errors?: unknown;
  };
  if (holder.command?.args !== undefined) {
    holder.command = { name: holder.command.name };
  }
  for (const inner of [holder.cause, holder.lastNodeError, holder.previousErrors, holder.errors].flat()) {
    hide(inner, seen);
  }
}
