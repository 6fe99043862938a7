/**
 * Each runs once, in order, and is never edited once released: a change is a further one. `seq` is the order of recording: one
 * writer at a time commits (`Writer`), so nothing appears behind a cursor that has passed.
 */
export const MIGRATIONS: readonly string[] = [
  `
create table partitions (
  name text primary key,
  parent text not null,
  from_at timestamptz not null,
  to_at timestamptz not null
);

create table events (
  seq bigint generated always as identity,
  stored_at timestamptz not null,
  -- Of publisher, source and id: what makes an event the same.
  identity uuid not null,
  id text collate "C" not null,
  type text collate "C" not null,
  publisher text collate "C" not null,
  source text collate "C" not null,
  subject text,
  time text not null,
  correlation text collate "C" not null,
  causation text collate "C",
  user_id text collate "C",
  hops integer not null,
  partition_key text,
  trace_parent text,
  content_type text,
  data_schema text,
  extensions jsonb not null,
  sequence bigint not null,
  -- JSON that jsonb holds; everything else as bytes.
  data jsonb,
  bytes bytea,
  size integer not null,
  search tsvector not null
) partition by range (stored_at);
create index events_seq on events (seq);
create index events_identity on events (identity);
create index events_id on events (id);
create index events_type on events (type, seq);
create index events_publisher on events (publisher, seq);
create index events_source on events (source, seq);
create index events_correlation on events (correlation, seq);
create index events_causation on events (causation) where causation is not null;
create index events_user on events (user_id, seq) where user_id is not null;
create index events_stored on events using brin (stored_at);
create index events_search on events using gin (search);

create table handlings (
  stored_at timestamptz not null,
  -- Of driver, subscription, event and attempt.
  identity uuid not null,
  event uuid not null,
  driver text collate "C" not null,
  subscription text not null,
  attempt integer not null,
  at timestamptz not null,
  duration_ms double precision not null,
  outcome text not null,
  reason text,
  error text,
  primary key (identity, stored_at)
) partition by range (stored_at);
create index handlings_event on handlings (event);
`,
];
