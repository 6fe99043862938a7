export interface Names {
  schema: string;
  /** The role that requests are served as. */
  guest: string;
}

/** Tables that hold a tenant's rows: each has a partition per tenant, made when the tenant is first written for. */
export const PARTITIONED = ["documents", "revisions", "chunks", "words", "users"] as const;

/**
 * What a request may see, said by the settings of its transaction: `hub.tenant`; `hub.everybody`, the collections in which it
 * may see every user's rows; `hub.own`, those in which it may see the rows of `hub.user`. Without the settings it sees nothing.
 * Each is a subselect, so that it is computed once per statement and not once per row.
 */
const VISIBLE = `
  tenant = (select current_setting('hub.tenant', true))
  and (path && (select coalesce(current_setting('hub.everybody', true), '{}')::text[])
    or (user_id = (select current_setting('hub.user', true))
      and path && (select coalesce(current_setting('hub.own', true), '{}')::text[])))`;

/** Each runs once, in order, and is never edited once released: a change is a further one. */
export const MIGRATIONS: readonly ((names: Names) => string)[] = [
  ({ guest, schema }) => `
create table tenants (
  tenant text collate "C" primary key,
  number bigint generated always as identity,
  -- The number of the tenant's last change: who changes something holds the row, so changes appear in their order.
  changes bigint not null default 0,
  -- In which its documents were ever written: those that a question is read in.
  languages text[] collate "C" not null default '{}'
);

create table users (
  tenant text collate "C" not null,
  user_id text collate "C" not null,
  created_at timestamptz not null default now(),
  primary key (tenant, user_id)
) partition by list (tenant);

create table documents (
  tenant text collate "C" not null,
  id uuid not null,
  user_id text collate "C" not null,
  collection text collate "C" not null,
  -- The collection and all it is below: what grants and filters are matched with.
  path text[] collate "C" not null,
  title text not null,
  content text not null,
  content_type smallint not null,
  metadata jsonb not null,
  language text collate "C" not null,
  revision bigint not null,
  content_hash bytea not null,
  driver text collate "C" not null,
  on_behalf_of text collate "C" not null,
  event_id text collate "C" not null,
  imported_from text collate "C" not null default '',
  created_at timestamptz not null,
  updated_at timestamptz not null,
  expires_at timestamptz,
  deleted boolean not null default false,
  -- Of the last change.
  change bigint not null,
  primary key (tenant, id)
) partition by list (tenant);
create unique index documents_same on documents (tenant, user_id, collection, content_hash) where not deleted;
create index documents_change on documents (tenant, change);
create index documents_updated on documents (tenant, updated_at desc, id);
create index documents_user on documents (tenant, user_id, updated_at desc);
create index documents_metadata on documents using gin (metadata jsonb_path_ops);
create index documents_expiry on documents (expires_at) where expires_at is not null and not deleted;

-- What documents were before: never the newest revision.
create table revisions (like documents including defaults, primary key (tenant, id, revision)) partition by list (tenant);
create index revisions_user on revisions (tenant, user_id);

create table chunks (
  tenant text collate "C" not null,
  id uuid not null,
  ordinal integer not null,
  user_id text collate "C" not null,
  path text[] collate "C" not null,
  updated_at timestamptz not null,
  -- Code points.
  start_at integer not null,
  end_at integer not null,
  text text not null,
  search tsvector not null,
  -- The model whose vector it has; null: it waits for one.
  model text collate "C",
  embedding vector,
  primary key (tenant, id, ordinal)
) partition by list (tenant);
create index chunks_search on chunks using gin (search);
create index chunks_waiting on chunks (id) where model is null;
create index chunks_user on chunks (tenant, user_id);

-- Words that were written, to find those that are like a query's. No content: a word has no owner.
create table words (
  tenant text collate "C" not null,
  word text collate "C" not null,
  primary key (tenant, word)
) partition by list (tenant);
create index words_like on words using gin (word gin_trgm_ops);

alter table tenants enable row level security;
create policy own on tenants for all to ${guest}
  using (tenant = (select current_setting('hub.tenant', true)));
${["users", "words"]
  .map(
    (table) => `alter table ${table} enable row level security;
create policy own on ${table} for all to ${guest} using (tenant = (select current_setting('hub.tenant', true)));`,
  )
  .join("\n")}
${["documents", "revisions", "chunks"]
  .map(
    (table) => `alter table ${table} enable row level security;
create policy visible on ${table} for all to ${guest} using (${VISIBLE});`,
  )
  .join("\n")}
grant usage on schema ${schema} to ${guest};
grant select, update on tenants to ${guest};
grant select, insert, update, delete on users, documents, revisions, chunks, words to ${guest};
`,
];
