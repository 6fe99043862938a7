import { KINDS, type Service } from "@vextir/operator/kinds.ts";
import type { ObjectStore } from "../store/object-store.ts";
import { Forwarder } from "./forwarder.ts";

/** A pod that serves, as a Service sees it. */
export interface Endpoint {
  /** This machine's port for a port of the container, by name or number. */
  portOf(port: number | string): number | undefined;
}

/** A Service's port on this machine. */
export interface OpenPort {
  namespace: string;
  service: string;
  /** Name of the port in the Service. */
  name: string;
  /** What the Service asks for, and what it got. */
  wanted: number;
  port: number;
}

export interface ServicesOptions {
  store: ObjectStore;
  /** Ready pods with these labels. */
  endpoints: (namespace: string, labels: Readonly<Record<string, string>>) => readonly Endpoint[];
  opened: (port: OpenPort) => void;
  failed: (service: Service, error: unknown) => void;
}

type ServicePort = NonNullable<Service["spec"]["ports"]>[number];

interface Open {
  open: OpenPort;
  forwarder: Forwarder;
}

/** Opens every TCP port of the store's Services on the loopback and spreads its connections over the ready pods. */
export class Services {
  #options: ServicesOptions;
  /** By Service and port: `default/gateway:8080`. */
  #open = new Map<string, Open>();
  #work: Promise<void> = Promise.resolve();
  #closed = false;

  constructor(options: ServicesOptions) {
    this.#options = options;
  }

  start(): void {
    // One after the other, so that which of two gets a contested port does not depend on chance.
    this.#options.store.watch(KINDS.Service, (service) => {
      this.#work = this.#work.then(() => this.#sync(service));
    });
  }

  ports(): readonly OpenPort[] {
    return [...this.#open.values()].map(({ open }) => open);
  }

  async close(): Promise<void> {
    this.#closed = true;
    await this.#work;
    await Promise.all([...this.#open.values()].map(({ forwarder }) => forwarder.close()));
    this.#open.clear();
  }

  async #sync({ metadata }: Service): Promise<void> {
    if (this.#closed) return;
    const { store, failed } = this.#options;
    const namespace = metadata.namespace ?? "default";
    const prefix = `${namespace}/${metadata.name}:`;
    const service = store.get(KINDS.Service, { namespace, name: metadata.name });
    const ports = (service?.spec.ports ?? []).filter(({ protocol }) => (protocol ?? "TCP") === "TCP");
    const wanted = new Set(ports.map(({ port }) => `${prefix}${port}`));
    for (const id of this.#open.keys())
      if (id.startsWith(prefix) && !wanted.has(id)) await this.#closePort(id);
    for (const port of ports) {
      const id = `${prefix}${port.port}`;
      if (service && !this.#open.has(id))
        await this.#openPort(id, service, port).catch((error) => failed(service, error));
    }
  }

  async #openPort(id: string, { metadata }: Service, { port, name }: ServicePort): Promise<void> {
    const key = { namespace: metadata.namespace ?? "default", name: metadata.name };
    let turn = 0;
    const forwarder = await Forwarder.open(port, () => {
      // Read anew at each connection: selector and target may have changed, pods come and go.
      const service = this.#options.store.get(KINDS.Service, key);
      const target = service?.spec.ports?.find((candidate) => candidate.port === port)?.targetPort ?? port;
      const pods = this.#options.endpoints(key.namespace, service?.spec.selector ?? {});
      return pods[turn++ % Math.max(1, pods.length)]?.portOf(target);
    });
    const open = {
      namespace: key.namespace,
      service: key.name,
      name: name ?? "",
      wanted: port,
      port: forwarder.port,
    };
    this.#open.set(id, { open, forwarder });
    this.#options.opened(open);
  }

  async #closePort(id: string): Promise<void> {
    await this.#open.get(id)?.forwarder.close();
    this.#open.delete(id);
  }
}
