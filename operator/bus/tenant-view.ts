import type { JetStreamManager, StreamInfo } from "@nats-io/jetstream";
import { canonicalJson } from "@vextir/api";
import { BusError } from "./authority.ts";
import type { BusEndpoint } from "./bus-connection.ts";
import type { PinnedIds } from "./pinned-ids.ts";
import type { Realm } from "./realm.ts";
import { TenantConnections } from "./tenant-connections.ts";

/**
 * What a tenant's bus holds, by name: `stream EVENTS` -> its configuration; `consumer EVENTS assistant_default` -> its
 * configuration; `subject EVENTS evt.gateway.1.chat.sent` -> how many messages it has, and the last one's sequence.
 */
export type TenantView = ReadonlyMap<string, string>;

/** Bounds what is looked at; a bus with more is refused, not looked at in part. */
const MAX_SUBJECTS = 10_000;

/** Looks at a namespace's bus from outside its drivers, as its administrator. @throws BusError `Unavailable`, `Invalid`. */
export async function viewTenant(
  endpoint: BusEndpoint & { realm: Realm; pinned: PinnedIds },
  namespace: string,
): Promise<TenantView> {
  const account = await endpoint.pinned.get(namespace);
  if (!account) throw new BusError("Invalid", `namespace ${namespace} has no bus`);
  const connections = new TenantConnections({ endpoint, realm: endpoint.realm });
  try {
    return await connections.use(account, `look at the bus of ${namespace}`, ({ jetstream }) =>
      view(jetstream),
    );
  } finally {
    connections.stop();
  }
}

async function view(jetstream: JetStreamManager): Promise<TenantView> {
  const found = new Map<string, string>();
  for await (const { config } of jetstream.streams.list()) {
    found.set(`stream ${config.name}`, canonicalJson(config));
    for await (const consumer of jetstream.consumers.list(config.name))
      found.set(`consumer ${config.name} ${consumer.name}`, canonicalJson(consumer.config));
    const info = await jetstream.streams.info(config.name, { subjects_filter: ">" });
    await viewSubjects(jetstream, info, found);
  }
  return found;
}

async function viewSubjects(
  jetstream: JetStreamManager,
  info: StreamInfo,
  found: Map<string, string>,
): Promise<void> {
  const stream = info.config.name;
  const subjects = Object.entries(info.state.subjects ?? {});
  if (subjects.length > MAX_SUBJECTS)
    throw new BusError(
      "Invalid",
      `stream ${stream} has ${subjects.length} subjects, more than ${MAX_SUBJECTS}`,
    );
  for (const [subject, count] of subjects) {
    const last = await jetstream.streams.getMessage(stream, { last_by_subj: subject });
    found.set(`subject ${stream} ${subject}`, `${count} messages, the last has sequence ${last?.seq ?? 0}`);
  }
}
