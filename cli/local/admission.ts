import { isDeepStrictEqual } from "node:util";
import {
  DriverName,
  DriverSpec,
  EVENT_BUS_NAME,
  EventBusSpec,
  type KubeObject,
  ModelName,
  ModelSpec,
  TenantPolicySpec,
  ToolServerSpec,
} from "@vextir/api";
import { ClusterError } from "@vextir/operator/cluster.ts";
import { KINDS, type Secret } from "@vextir/operator/kinds.ts";
import { z } from "zod";

/** What is wrong with an object, and where in it. */
export interface Issue {
  path: readonly (string | number)[];
  message: string;
}

const OBJECT_NAME = /^(?=.{1,253}$)[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$/;

const SPECS: Record<string, { spec: z.ZodType; name: z.ZodType }> = {
  [KINDS.Driver.kind]: { spec: DriverSpec, name: DriverName },
  [KINDS.EventBus.kind]: {
    spec: EventBusSpec.prefault({}),
    name: z.literal(EVENT_BUS_NAME, `must be "${EVENT_BUS_NAME}": a namespace has one bus`),
  },
  [KINDS.Model.kind]: { spec: ModelSpec, name: ModelName },
  [KINDS.ToolServer.kind]: { spec: ToolServerSpec, name: DriverName },
  [KINDS.TenantPolicy.kind]: {
    spec: TenantPolicySpec.prefault({}),
    name: z.string().regex(OBJECT_NAME, "lower-case letters, digits, '-' and '.'"),
  },
};

/**
 * The object as an API server would store it: defaults filled in, a Secret's `stringData` folded into `data`. Issues are what it
 * would refuse, unknown fields included.
 */
export function admitted(object: KubeObject, before?: KubeObject): { object: KubeObject; issues: Issue[] } {
  const schema = SPECS[object.kind];
  if (schema) return specAdmitted(object as KubeObject & { spec?: unknown }, schema);
  if (object.kind === KINDS.Secret.kind) return { object: secretAdmitted(object as Secret), issues: [] };
  return { object, issues: immutabilityIssues(object, before) };
}

/** Admission of the object store. @throws ClusterError `Invalid`, naming the first few fields that are wrong. */
export function admit(object: KubeObject, before: KubeObject | undefined): KubeObject {
  const { object: result, issues } = admitted(object, before);
  if (issues.length === 0) return result;
  const what = issues.slice(0, 5).map(({ path, message }) => `${fieldOf(path)}: ${message}`);
  const { namespace, name: own } = object.metadata;
  const name = `${object.kind} ${namespace ? `${namespace}/` : ""}${own}`;
  throw new ClusterError("Invalid", `${name} is invalid: ${what.join("; ")}`);
}

/** `spec.subscriptions[0].types` */
export const fieldOf = (path: Issue["path"]) =>
  path
    .map((part) => (typeof part === "number" ? `[${part}]` : `.${part}`))
    .join("")
    .replace(/^\./, "");

function specAdmitted(object: KubeObject & { spec?: unknown }, schema: { spec: z.ZodType; name: z.ZodType }) {
  const { apiVersion, kind, metadata, spec, status, ...others } = object as typeof object & {
    status?: unknown;
  };
  const name = schema.name.safeParse(metadata.name);
  const parsed = schema.spec.safeParse(spec);
  const issues: Issue[] = [
    ...Object.keys(others).map((key) => ({ path: [key], message: "unknown field" })),
    ...issuesOf(name, ["metadata", "name"]),
    ...issuesOf(parsed, ["spec"]),
    ...(parsed.success ? unknownFields(spec, parsed.data, ["spec"]) : []),
  ];
  const result = { apiVersion, kind, metadata, spec: parsed.data, ...(status !== undefined && { status }) };
  return { object: result as KubeObject, issues };
}

function issuesOf(result: z.ZodSafeParseResult<unknown>, below: Issue["path"]): Issue[] {
  return (result.error?.issues ?? []).map(({ path, message }) => ({
    path: [...below, ...path.map((part) => (typeof part === "symbol" ? String(part) : part))],
    message,
  }));
}

/** Fields that the schema dropped: it knows none of that name. */
function unknownFields(input: unknown, output: unknown, path: Issue["path"]): Issue[] {
  if (input === null || typeof input !== "object" || output === null || typeof output !== "object") return [];
  return Object.entries(input).flatMap(([key, value]): Issue[] => {
    const at = [...path, Array.isArray(input) ? Number(key) : key];
    if (!Object.hasOwn(output, key))
      return value === undefined ? [] : [{ path: at, message: "unknown field" }];
    return unknownFields(value, (output as Record<string, unknown>)[key], at);
  });
}

function secretAdmitted(secret: Secret & { stringData?: Record<string, string> }): KubeObject {
  const { stringData, ...rest } = secret;
  if (!stringData) return secret;
  const encoded = Object.entries(stringData).map(([key, text]) => [
    key,
    Buffer.from(text).toString("base64"),
  ]);
  return { ...rest, data: { ...rest.data, ...Object.fromEntries(encoded) } } as KubeObject;
}

function immutabilityIssues(object: KubeObject, before: KubeObject | undefined): Issue[] {
  type Data = { immutable?: boolean; data?: unknown };
  const [now, then] = [object as Data, before as Data | undefined];
  if (!then?.immutable || isDeepStrictEqual(now.data, then.data)) return [];
  return [{ path: ["data"], message: "is immutable" }];
}
