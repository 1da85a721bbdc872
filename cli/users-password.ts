import { text } from 'node:stream/consumers';
import { read } from 'read';
import { ConfigurationError } from '../src/errors.js';

/**
 * A new password: asked for twice and not shown on a terminal, else all of stdin but a line end. Never a flag: other
 * users of the machine can read those, and shells keep them.
 *
 * @throws ConfigurationError when the two are not the same, or stdin is empty
 */
export async function askNewPassword(name: string): Promise<string> {
  if (!process.stdin.isTTY) {
    const given = (await text(process.stdin)).replace(/\r?\n$/, '');
    if (given === '') {
      throw new ConfigurationError('stdin holds no password: write one to it, or run this on a terminal to be asked');
    }
    return given;
  }
  const password = await ask(`Password for ${name}: `);
  if ((await ask('The same again: ')) !== password) {
    throw new ConfigurationError('the two passwords are not the same: start again');
  }
  return password;
}

async function ask(prompt: string): Promise<string> {
  const answer = await read({ prompt, silent: true, output: process.stderr });
  console.error(); // the line end that was typed is not shown either
  return answer;
}
