/** A command of a client: its bytes as they came, and the words in them. */
export interface Command {
  readonly bytes: Buffer;
  readonly words: readonly Buffer[];
}

/** Splits what a client sends into commands, see https://redis.io/docs/latest/develop/reference/protocol-spec/. */
export class CommandReader {
  #begun: Buffer = Buffer.alloc(0);

  /** The commands that are whole with this chunk; one that is not waits for the next. */
  read(chunk: Buffer): Command[] {
    const bytes = Buffer.concat([this.#begun, chunk]);
    const commands: Command[] = [];
    let offset = 0;
    for (let next = commandAt(bytes, 0); next !== undefined; next = commandAt(bytes, offset)) {
      commands.push(next);
      offset += next.bytes.length;
    }
    this.#begun = bytes.subarray(offset);
    return commands;
  }
}

function commandAt(bytes: Buffer, start: number): Command | undefined {
  const head = lineAt(bytes, start);
  if (head === undefined) {
    return undefined;
  }
  if (!head.text.startsWith('*')) {
    return { bytes: bytes.subarray(start, head.end), words: head.text.split(' ').map((word) => Buffer.from(word)) };
  }
  const words: Buffer[] = [];
  let { end } = head;
  for (let left = Number(head.text.slice(1)); left > 0; left -= 1) {
    const length = lineAt(bytes, end);
    if (length === undefined) {
      return undefined;
    }
    const wordEnd = length.end + Number(length.text.slice(1));
    end = wordEnd + '\r\n'.length;
    if (end > bytes.length) {
      return undefined;
    }
    words.push(bytes.subarray(length.end, wordEnd));
  }
  return { bytes: bytes.subarray(start, end), words };
}

function lineAt(bytes: Buffer, start: number): { text: string; end: number } | undefined {
  const end = bytes.indexOf('\r\n', start);
  return end === -1 ? undefined : { text: bytes.toString('latin1', start, end), end: end + '\r\n'.length };
}
