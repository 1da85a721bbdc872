import { beforeAll, describe, expect, test } from 'vitest';
import { tally } from '../support/command.js';
import { createOutbox, environmentOf } from '../support/outbox.js';
import type { OutboxOfTest } from '../support/outbox.js';
import { NO_POSTGRES, startPostgres } from '../support/postgres.js';
import type { PostgresServer } from '../support/postgres.js';
import { place } from '../support/tally.js';

describe.skipIf(NO_POSTGRES !== undefined)(
  'what is wrong is said with the column, the fix and what Postgres said',
  () => {
    let server: PostgresServer;
    beforeAll(async () => {
      server = await startPostgres();
      return () => server.remove();
    });

    const refused = async (from: string, ...args: string[]) => {
      const answer = await tally(environmentOf(place()), 'relay', '--from', from, ...args);
      return { ...answer, stderr: answer.stderr.replace(/postgres:\/\/\S+/g, 'URL') };
    };
    let outbox: OutboxOfTest;

    test('a table that is missing is made by --create-table, twice without harm, and one like it is suggested', async () => {
      const url = await server.database();
      expect(await refused(url, '--table', 'outbox')).toMatchObject({
        code: 2,
        stderr: expect.stringContaining('there is no table outbox: make it by tally relay --create-table') as string,
      });
      for (let times = 0; times < 2; times += 1) {
        expect(await refused(url, '--create-table', '--table', 'shop_outbox')).toMatchObject({ code: 0 });
      }
      expect(await refused(url, '--table', 'shop_outbx')).toMatchObject({
        code: 2,
        stderr: expect.stringContaining('did you mean shop_outbox?') as string,
      });
    });

    test.each([
      [
        'alter table outbox drop column outcome',
        'it has no column outcome: alter table outbox add column outcome text',
      ],
      [
        'alter table outbox alter column created_at type date',
        'column created_at is date, and has to be timestamp with',
      ],
      ['alter table outbox drop constraint outbox_pkey', 'column id is not unique'],
      ['alter table outbox alter column id set cache 20', 'alter sequence outbox_id_seq cache 1'],
    ])('%s', async (sql, said) => {
      outbox = await createOutbox(server);
      await outbox.client.query(sql);
      expect(await refused(outbox.url)).toMatchObject({ code: 2, stderr: expect.stringContaining(said) as string });
    });

    test('rights and signing in', async () => {
      outbox = await createOutbox(server);
      const name = `u${outbox.url.slice(-8)}`;
      await outbox.client.query(`create role ${name} login password 'pw'; grant select on outbox to ${name}`);
      const asUser = outbox.url.replace(/tally:[^@]+/, `${name}:pw`);
      expect(await refused(asUser)).toMatchObject({
        code: 2,
        stderr: expect.stringContaining(
          `grant update (sent_as, resend_until, processed_at, outcome, reason) on outbox to ${name}`,
        ) as string,
      });
      const wrong = await refused(asUser.replace(':pw', ':wrong'));
      expect(wrong).toMatchObject({
        code: 2,
        stderr: expect.stringContaining('password authentication failed') as string,
      });
      expect(wrong.stderr).not.toContain(':wrong');
      expect(await refused('mysql://127.0.0.1/x')).toMatchObject({ code: 2 });
      expect(await refused(outbox.url, '--poll', '5')).toMatchObject({ code: 2 });
      expect(await refused(outbox.url, '--create-table', '--table', 'x (id int); drop table outbox')).toMatchObject({
        code: 2,
      });
      await outbox.client.query(
        `grant update (sent_as, resend_until, processed_at, outcome, reason) on outbox to ${name};
       alter table outbox enable row level security`,
      );
      expect(await refused(asUser)).toMatchObject({
        code: 2,
        stderr: expect.stringContaining('row security') as string,
      });
    });
  },
);
