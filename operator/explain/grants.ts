import type { Import } from "@nats-io/jwt";
import { type Capabilities, covers, parseShared } from "@vextir/api";
import type { DriverAccess } from "../bus/authority.ts";
import { type ImportSources, importsFor } from "../bus/imports.ts";
import type { ExplainedGrant, ExplainedImport } from "./explanation.ts";

/** A line of the spec by itself. */
interface Line {
  line: string;
  value: string;
  /** The access that grants this and nothing else; undefined: others than the bus enforce it. */
  alone?: DriverAccess;
  enforcedBy?: string;
}

const NOTHING: Capabilities = {
  publish: [],
  call: [],
  observe: [],
  state: false,
  context: [],
  models: [],
  allowedHosts: [],
};

export const bareAccess = (access: DriverAccess): DriverAccess => ({
  ...access,
  subscriptions: [],
  capabilities: NOTHING,
});

/**
 * Each line with the imports that it alone brings, as far as the account has them. `importsFor` is asked line by line: what it grants is
 * not known here a second time.
 *
 * @throws BusError `Invalid` when granted patterns overlap.
 */
export function explainGrants(access: DriverAccess, sources: ImportSources): ExplainedGrant[] {
  const keys = (imports: readonly Import[]) => new Set(imports.map(keyOf));
  const all = keys(importsFor(access, sources));
  const always = keys(importsFor(bareAccess(access), sources));
  const lines = linesOf(access).map((line) => {
    const brings = line.alone ? importsFor(line.alone, sources).filter((one) => !always.has(keyOf(one))) : [];
    return { ...line, brings, lost: brings.filter((one) => !all.has(keyOf(one))) };
  });
  return lines.map((line) => {
    const imports = line.brings.filter((one) => !line.lost.includes(one)).map(explainImport);
    const remark = line.enforcedBy ?? remarkOn(line, lines, access);
    return { line: line.line, value: line.value, imports, ...(remark !== undefined && { remark }) };
  });
}

interface Brought extends Line {
  brings: readonly Import[];
  /** What the account doesn't have all the same. */
  lost: readonly Import[];
}

function remarkOn(line: Brought, lines: readonly Brought[], access: DriverAccess): string | undefined {
  if (line.brings.length === 0) return absence(line.value, access);
  if (line.lost.length === 0) return undefined;
  const wider = lines.find((other) =>
    other.brings.some((wide) => line.lost.some((one) => isWider(wide, one))),
  );
  return wider && `covered by ${wider.line}`;
}

export const explainImport = ({ name, type, account, subject, local_subject }: Import): ExplainedImport => ({
  name: name ?? "",
  type: type === "stream" ? "stream" : "service",
  from: account ?? "",
  subject: local_subject || subject || "",
});

const keyOf = ({ account, subject, local_subject, type }: Import) =>
  JSON.stringify([type, account, subject, local_subject]);

const isWider = (wide: Import, one: Import) =>
  wide.account === one.account &&
  wide.type === one.type &&
  wide.subject !== one.subject &&
  covers(wide.subject ?? "", one.subject ?? "");

/** A grant without an import means a driver that there is not, or the driver itself. */
function absence(value: string, { name, peers }: DriverAccess): string {
  const { namespace } = parseShared(value);
  if (namespace !== undefined)
    return `${namespace} shares nothing of it: its EventBus must export it, and this one import it`;
  const [first = "", second = ""] = value.split(".");
  const driver = first === "live" ? second : first;
  if (driver === name) return "its own: it reaches them without a grant";
  return driver !== "*" && !peers.has(driver) ? `no Driver ${driver} is there` : "no other Driver is there";
}

function linesOf(access: DriverAccess): Line[] {
  const { subscriptions, capabilities } = access;
  const bare = bareAccess(access);
  const alone = (part: Partial<Capabilities>) => ({ ...bare, capabilities: { ...NOTHING, ...part } });
  const each = (field: "publish" | "call" | "observe") =>
    capabilities[field].map((value, index) => ({
      line: `spec.capabilities.${field}[${index}]`,
      value,
      alone: alone({ [field]: [value] }),
    }));
  const elsewhere = (field: string, values: readonly string[], enforcedBy: string) =>
    values.map((value, index) => ({ line: `spec.capabilities.${field}[${index}]`, value, enforcedBy }));
  const context = capabilities.context.map(
    ({ collection, verbs, users }) => `${collection}: ${verbs.join("/")} of ${users}`,
  );
  return [
    ...subscriptions.map((subscription, index) => ({
      line: `spec.subscriptions[${index}]`,
      value: `${subscription.name}: ${subscription.types.join(", ")}`,
      alone: { ...bare, subscriptions: [subscription] },
    })),
    ...each("publish"),
    ...each("call"),
    ...each("observe"),
    ...(capabilities.state
      ? [{ line: "spec.capabilities.state", value: "true", alone: alone({ state: true }) }]
      : []),
    ...elsewhere("context", context, "by the context hub"),
    ...elsewhere("models", capabilities.models, "by the model's key"),
    ...elsewhere("allowedHosts", capabilities.allowedHosts, "by the egress proxy"),
  ];
}
