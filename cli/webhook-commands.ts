import type { Command } from 'commander';
import type { AddWebhookFlags, ListWebhooksFlags, ReplayFlags } from './webhooks.js';

/** `tally webhooks`. What a command does is loaded when it is called. */
export function addWebhookCommands(program: Command): void {
  const webhooks = program.command('webhooks').description('URLs to which outcomes are posted, signed');

  webhooks
    .command('add')
    .description('add a webhook; its secret is printed once')
    .argument('<url>', 'https, at a public address')
    .option('--operations <names>', 'only of these operations, for example inventory.take,xp.award (default: all)')
    .option('--statuses <statuses>', 'only with these statuses, for example applied,rejected (default: all)')
    .option('--key-pattern <pattern...>', "only of keys that fit, for example 'stock:*' (default: all)")
    .option('--crosses <level>', 'only those that took a value over a level: below:5 or above:100')
    .option('--per-minute <deliveries>', 'how many at most in a minute (default: as many as the target allows)')
    .option('--token <token>', 'sent as Authorization: Bearer')
    .option('--no-handshake', 'without asking the target, when you run it yourself')
    .action(async (url: string, flags: AddWebhookFlags) => (await import('./webhooks.js')).addWebhook(url, flags));

  webhooks
    .command('list')
    .description('print all webhooks; no secrets')
    .option('--json', 'print JSON')
    .action(async (flags: ListWebhooksFlags) => (await import('./webhooks.js')).listWebhooks(flags));

  webhooks
    .command('remove')
    .description('remove a webhook; what waits for it is not sent any more')
    .argument('<id>', 'as tally webhooks list prints it')
    .action(async (id: string) => (await import('./webhooks.js')).removeWebhook(id));

  webhooks
    .command('enable')
    .description('let a webhook go on that was disabled; what came meanwhile: tally webhooks replay')
    .argument('<id>')
    .action(async (id: string) => (await import('./webhooks.js')).enableWebhook(id, true));

  webhooks
    .command('disable')
    .description('have nothing sent to a webhook')
    .argument('<id>')
    .action(async (id: string) => (await import('./webhooks.js')).enableWebhook(id, false));

  webhooks
    .command('rotate')
    .description('give a webhook a new secret, which is printed once; the one before holds for another day')
    .argument('<id>')
    .action(async (id: string) => (await import('./webhooks.js')).rotateSecret(id));

  webhooks
    .command('replay')
    .description('send outcomes of a range of time once more, as far as they are kept')
    .argument('<id>')
    .requiredOption('--since <time>', 'from when on: a day, which begins in UTC, or a time as 2026-12-24T18:00:00Z')
    .option('--until <time>', 'up to when (default: now)')
    .action(async (id: string, flags: ReplayFlags) => (await import('./webhooks.js')).replayWebhook(id, flags));
}
