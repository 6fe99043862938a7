import { API_VERSION, type Driver, type ToolServer, type ToolServerSpec, toolServerHost } from "@vextir/api";
import { type Applied, type Kind, ownerOf } from "../cluster.ts";
import { KINDS } from "../kinds.ts";

/** Built-in module that stands for an MCP server. */
const MODULE = "tool-bridge";
/** Key of its configuration that a Secret fills. */
const CREDENTIAL = "credential";

/** A Driver as its ToolServer wants it: beside what the Driver's own reconciler owns of it. */
export const BRIDGE_DRIVER: Kind<Driver> = { ...KINDS.Driver, manager: "vextir-tool-server" };

/** The Driver that stands for the server. @throws TypeError without a uid, or when `url` is none. */
export function bridgeDriver(server: ToolServer, spec: ToolServerSpec): Applied<Driver> {
  const { name, namespace } = server.metadata;
  const { url, credential, tools, timeoutSeconds, maxAnswerBytes, replicas } = spec;
  const allowedHosts = spec.allowedHosts ?? [toolServerHost(spec)];
  const proof = credential && { header: credential.header, scheme: credential.scheme };
  return {
    apiVersion: API_VERSION,
    kind: "Driver",
    metadata: { name, ...(namespace && { namespace }), ownerReferences: [ownerOf(server)] },
    spec: {
      class: "Tool",
      module: MODULE,
      config: { url, ...proof, ...(tools && { tools }), timeoutSeconds, maxAnswerBytes },
      ...(credential && {
        configSecretRefs: [{ name: CREDENTIAL, secretKeyRef: credential.secretRef }],
      }),
      capabilities: { allowedHosts },
      replicas,
    },
  };
}

export const isOwnedBy = (driver: Driver, { metadata: { uid } }: ToolServer) =>
  driver.metadata.ownerReferences?.some((owner) => owner.uid === uid) ?? false;

/** Whether what is wanted is there: further members of objects are somebody else's, lists are whole. */
export function holds(there: unknown, wanted: unknown): boolean {
  if (Array.isArray(wanted))
    return (
      Array.isArray(there) &&
      there.length === wanted.length &&
      wanted.every((item, index) => holds(there[index], item))
    );
  if (typeof wanted !== "object" || wanted === null) return Object.is(there, wanted);
  if (typeof there !== "object" || there === null) return false;
  return Object.entries(wanted).every(([key, value]) =>
    holds((there as Record<string, unknown>)[key], value),
  );
}
