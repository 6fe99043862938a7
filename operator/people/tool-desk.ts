import { ToolCallRequest, type ToolCallResult, type ToolList } from "@vextir/api";
import { z } from "zod";
import { type BusEndpoint, callTool, type DriverIdentity, listTools, type Realm } from "../bus/index.ts";
import type { Cluster } from "../cluster.ts";
import { KINDS } from "../kinds.ts";
import { ApiProblem } from "./problem.ts";

export interface ToolDeskOptions {
  /** Uncached. */
  cluster: Pick<Cluster, "get" | "list">;
  bus: BusEndpoint & { realm: Realm };
}

interface Whose {
  namespace: string;
  /** Absent: of all drivers. */
  name?: string;
}

/** The tools of a namespace, as people ask for them over HTTP. Throws ApiProblem, BusError, ClusterError. */
export class ToolDesk {
  readonly #options: ToolDeskOptions;

  constructor(options: ToolDeskOptions) {
    this.#options = options;
  }

  async list({ namespace, name }: Whose): Promise<ToolList> {
    const { cluster, bus } = this.#options;
    if (name !== undefined) return listTools(bus, [await this.#driver(namespace, name)]);
    const drivers = await cluster.list(KINDS.Driver, { namespace });
    const there = drivers.filter(({ metadata }) => !metadata.deletionTimestamp);
    return listTools(
      bus,
      there.map(({ metadata: { name, uid = "" } }) => ({ namespace, name, uid })),
    );
  }

  async call({ namespace, name }: Required<Whose>, method: string, body: unknown): Promise<ToolCallResult> {
    const request = ToolCallRequest.safeParse(body ?? {});
    if (!request.success) throw new ApiProblem("BadRequest", z.prettifyError(request.error));
    const driver = await this.#driver(namespace, name);
    return callTool(this.#options.bus, driver, method, request.data.input);
  }

  async #driver(namespace: string, name: string): Promise<DriverIdentity> {
    const found = await this.#options.cluster.get(KINDS.Driver, { namespace, name });
    if (found?.metadata.uid && !found.metadata.deletionTimestamp)
      return { namespace, name, uid: found.metadata.uid };
    throw new ApiProblem("NotFound", `there is no Driver ${namespace}/${name}`);
  }
}
