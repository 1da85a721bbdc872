-- An order service with an outbox: psql -f examples/25-outbox.sql, then
--   tally relay --from postgres://relay:secret@127.0.0.1:5432/shop --table shop.outbox
-- docs/relay.md says what becomes of the rows.

create schema if not exists shop;

create table shop.orders (id bigint primary key, sku text not null, quantity int not null);

-- As tally relay --create-table makes it.
create table if not exists shop.outbox (
  id bigint generated always as identity primary key,
  operation text not null,
  params jsonb not null,
  created_at timestamptz not null default now(),
  sent_as text,
  resend_until timestamptz,
  processed_at timestamptz,
  outcome text,
  reason text
) with (fillfactor = 50, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 20000);
create index if not exists outbox_waiting on shop.outbox (id) where processed_at is null;

-- The relay may look, and say what became of a row; it can't write one.
create role relay login password 'secret';
grant usage on schema shop to relay;
grant select, update (sent_as, resend_until, processed_at, outcome, reason) on shop.outbox to relay;

-- The order and what it takes, together or not at all.
begin;
insert into shop.orders (id, sku, quantity) values (7, 'lamp', 2);
insert into shop.outbox (operation, params)
values ('inventory.take', '{"key": "stock:lamp", "quantity": 2, "whenShort": "reject"}');
commit;

-- What became of it.
select id, operation, outcome, reason, processed_at - created_at as took from shop.outbox order by id;
