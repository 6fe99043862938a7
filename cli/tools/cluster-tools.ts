import { ToolCallResult, ToolList } from "@vextir/api";
import { type ClusterOptions, withOperator } from "../cluster/operator-client.ts";
import type { TenantTools } from "./tenant-tools.ts";

/** By the operator's API, as somebody whose rights it asks for. @throws OperatorError, ClusterError */
export async function withClusterTools<T>(
  options: ClusterOptions & { namespace: string },
  work: (tools: TenantTools) => Promise<T>,
): Promise<T> {
  const namespace = `/v1/namespaces/${encodeURIComponent(options.namespace)}`;
  const of = (driver: string) => `${namespace}/drivers/${encodeURIComponent(driver)}`;
  return withOperator(options, (client) =>
    work({
      list: async (driver) =>
        ToolList.parse(await client.ask("GET", `${driver === undefined ? namespace : of(driver)}/tools`)),
      call: async (driver, method, input) => {
        const path = `${of(driver)}/tools/${encodeURIComponent(method)}:call`;
        return ToolCallResult.parse(await client.ask("POST", path, input === undefined ? {} : { input }));
      },
    }),
  );
}
