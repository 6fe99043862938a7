import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
  type ConsumerInfo,
  type JetStreamManager,
  jetstreamManager,
  type StoredMsg,
} from "@nats-io/jetstream";
import { connect, type NatsConnection, tokenAuthenticator } from "@nats-io/transport-node";
import { createRealm, NatsBusAuthority, type Realm, viewTenant } from "@vextir/operator/bus/index.ts";
import { materialOf } from "@vextir/operator/keys/key-store.ts";
import { forwardPort } from "./cluster/forward.ts";
import { secret, secretData } from "./cluster/kubectl.ts";
import { SYSTEM } from "./installation.ts";

/** An event as it is stored. */
export interface StoredEvent {
  id: string;
  subject: string;
  causationId: string;
}

/** A look at the bus past the operator, with the keys that its master secret gives. It ends when the NATS pod does. */
export class BusView {
  readonly #realm: Realm;
  readonly #url: string;
  readonly #caFile: string;
  readonly #close: (() => Promise<unknown>)[] = [];

  private constructor(realm: Realm, url: string, caFile: string) {
    this.#realm = realm;
    this.#url = url;
    this.#caFile = caFile;
  }

  static async open(): Promise<BusView> {
    const realm = createRealm(materialOf(await secretData(SYSTEM, "vextir-master")));
    const folder = await mkdtemp(join(tmpdir(), "vextir-e2e-"));
    const caFile = join(folder, "ca.crt");
    await writeFile(caFile, await secret(SYSTEM, "vextir-nats-tls", "ca.crt"));
    const forward = await forwardPort(SYSTEM, "pod/vextir-nats-0", 4222);
    const view = new BusView(realm, `tls://127.0.0.1:${forward.port}`, caFile);
    view.#close.push(
      () => forward.stop(),
      () => rm(folder, { recursive: true }),
    );
    return view;
  }

  /** Names of the drivers of this namespace that have an account. */
  async accounts(namespace: string): Promise<string[]> {
    const pinned = { get: async () => undefined, put: async () => {}, remove: async () => {} };
    const tls = { caFile: this.#caFile };
    const authority = NatsBusAuthority.connect({ servers: [this.#url], tls, realm: this.#realm, pinned });
    try {
      const drivers = await authority.listDriverAccounts();
      return drivers
        .filter((driver) => driver.namespace === namespace)
        .map(({ name }) => name)
        .sort();
    } finally {
      await authority.stop();
    }
  }

  /** All that the tenant's bus holds, to compare with a later look. */
  async everything(namespace: string): Promise<Record<string, string>> {
    const pinned = { get: () => this.busAccount(namespace), put: async () => {}, remove: async () => {} };
    const endpoint = { servers: [this.#url], tls: { caFile: this.#caFile }, realm: this.#realm, pinned };
    return Object.fromEntries(await viewTenant(endpoint, namespace));
  }

  /** Connects with a pod's token, as the pod would. */
  connectWith(token: string): Promise<NatsConnection> {
    return connect({
      servers: this.#url,
      authenticator: tokenAuthenticator(token),
      tls: { caFile: this.#caFile },
      timeout: 5_000,
      reconnect: false,
    });
  }

  /** The tenant's streams and consumers. */
  async tenant(namespace: string): Promise<TenantView> {
    const { jwt, key } = this.#realm.tenantUser(this.#realm.accountKeys(await this.busAccount(namespace)));
    const connection = await connect({
      servers: this.#url,
      authenticator: (nonce) => ({ jwt, ...(nonce && { sig: key.sign(nonce).toString("base64url") }) }),
      tls: { caFile: this.#caFile },
      timeout: 5_000,
    });
    this.#close.push(() => connection.close());
    return new TenantView(await jetstreamManager(connection, { checkAPI: false }));
  }

  private async busAccount(namespace: string): Promise<string> {
    return (await secret(SYSTEM, "vextir-bus-accounts", namespace)).toString();
  }

  async close(): Promise<void> {
    for (const close of this.#close.reverse()) await close();
  }
}

export class TenantView {
  readonly #jetstream: JetStreamManager;
  constructor(jetstream: JetStreamManager) {
    this.#jetstream = jetstream;
  }

  async streams(): Promise<string[]> {
    const names: string[] = [];
    for await (const name of this.#jetstream.streams.names()) names.push(name);
    return names.sort();
  }

  async consumers(): Promise<string[]> {
    const names: string[] = [];
    for await (const { name } of this.#jetstream.consumers.list("EVENTS") as AsyncIterable<ConsumerInfo>)
      names.push(name);
    return names.sort();
  }

  /** Every stored event, oldest first. */
  async events(): Promise<StoredEvent[]> {
    const { state } = await this.#jetstream.streams.info("EVENTS");
    const events: StoredEvent[] = [];
    for (let seq = state.first_seq; seq <= state.last_seq; seq++) {
      const message = await this.#jetstream.streams.getMessage("EVENTS", { seq });
      if (message) events.push(shown(message));
    }
    return events;
  }
}

function shown(message: StoredMsg): StoredEvent {
  return {
    id: message.header.get("ce-id"),
    subject: message.subject,
    causationId: message.header.get("ce-causationid"),
  };
}
