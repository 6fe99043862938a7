import type { KubeObject } from "@vextir/api";
import { type Applied, ClusterError, type Kind, type ObjectKey } from "../cluster.ts";
import { KINDS, type Secret } from "../kinds.ts";

/** The part of `KubeCluster` that Secrets of the operator's own namespace need. */
export interface SecretCluster {
  get<T extends KubeObject>(kind: Kind<T>, key: ObjectKey): Promise<T | undefined>;
  apply<T extends KubeObject>(kind: Kind<T>, object: Applied<T>): Promise<T>;
  createIfAbsent<T extends KubeObject>(
    kind: Kind<T>,
    object: Applied<T>,
  ): Promise<{ object: T; created: boolean }>;
}

export type SecretData = Record<string, Buffer>;

/** Not of a release: `helm uninstall` must not take the keys with it. */
const LABELS = { "app.kubernetes.io/part-of": "vextir" };

/** The operator's own Secrets. Which they are stands in `names.ts`. */
export class OwnSecrets {
  readonly #cluster: SecretCluster;
  readonly #namespace: string;

  constructor(cluster: SecretCluster, namespace: string) {
    this.#cluster = cluster;
    this.#namespace = namespace;
  }

  async read(name: string): Promise<SecretData | undefined> {
    const secret = await this.#cluster.get(KINDS.Secret, this.#key(name));
    return secret && decoded(secret);
  }

  /** What the Secret holds: `make` is asked only when it is absent, and of several that make one, one wins. */
  async readOrCreate(name: string, make: () => Promise<SecretData> | SecretData): Promise<SecretData> {
    const known = await this.read(name);
    if (known) return known;
    const { object } = await this.#cluster.createIfAbsent(KINDS.Secret, this.#object(name, await make()));
    return decoded(object);
  }

  /** Makes the Secret hold exactly this. */
  async write(name: string, data: SecretData): Promise<void> {
    await this.#cluster.apply(KINDS.Secret, this.#object(name, data));
  }

  /** Changes what the Secret holds; what others wrote in the meantime is not lost. */
  async edit(name: string, change: (data: SecretData) => SecretData): Promise<void> {
    for (let attempt = 1; ; attempt++) {
      // Made empty: only keys that were applied can be taken away by an apply.
      const { object: secret } = await this.#cluster.createIfAbsent(KINDS.Secret, this.#object(name, {}));
      const object = this.#object(name, change(decoded(secret)));
      const { resourceVersion } = secret.metadata;
      if (resourceVersion) object.metadata.resourceVersion = resourceVersion;
      try {
        await this.#cluster.apply(KINDS.Secret, object);
        return;
      } catch (error) {
        const conflict = error instanceof ClusterError && error.code === "Conflict";
        if (!conflict || attempt === MAX_ATTEMPTS) throw error;
      }
    }
  }

  #key(name: string): ObjectKey {
    return { namespace: this.#namespace, name };
  }

  #object(name: string, data: SecretData): Applied<Secret> {
    const encoded = Object.entries(data).map(([key, value]) => [key, value.toString("base64")]);
    return {
      apiVersion: "v1",
      kind: "Secret",
      metadata: { ...this.#key(name), labels: LABELS },
      type: "Opaque",
      data: Object.fromEntries(encoded),
    };
  }
}

const MAX_ATTEMPTS = 5;

const decoded = ({ data = {} }: Secret): SecretData =>
  Object.fromEntries(Object.entries(data).map(([key, value]) => [key, Buffer.from(value, "base64")]));
