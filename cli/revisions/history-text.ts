import { canonicalJson, type Driver, DriverSpec } from "@vextir/api";
import { contentHash } from "@vextir/operator/content-hash.ts";
import {
  isSameRevision,
  type RevisedSpec,
  type Revision,
  restoredSpec,
} from "@vextir/operator/driver/revisions/revision.ts";
import { stringify } from "yaml";
import { age } from "../local/driver-table.ts";
import { printable, table } from "../local/output/text.ts";
import { type History, says } from "./history.ts";

/** `now`: milliseconds since 1970. */
export function historyTable(history: History, now: number): string[] {
  const current = says(history);
  const rows = history.revisions.map((revision) => [
    String(revision.number),
    age(now - Date.parse(revision.createdAt)),
    current && isSameRevision(revision.spec, current) ? "yes" : "",
    codeOf(revision.spec),
    printable(revision.cause ?? ""),
  ]);
  return table(["REVISION", "AGE", "WANTED", "CODE", "CHANGE-CAUSE"], rows);
}

/** Where the code comes from; what is written in the spec itself is told by its hash. */
function codeOf({ image, module, source }: RevisedSpec): string {
  if (source?.inline !== undefined) return `inline ${contentHash(source.inline).slice(0, 8)}`;
  if (source?.configMapRef) return `ConfigMap ${source.configMapRef.name}`;
  return [image, module].filter((part) => part !== undefined).join(" ");
}

/** The Driver as it would be written, without what is the default anyway. */
export function revisionYaml(driver: Driver, revision: Revision): string {
  const { apiVersion, kind, metadata } = driver;
  const { name, namespace, labels, annotations } = metadata;
  const written = {
    apiVersion,
    kind,
    metadata: {
      name,
      ...(namespace && { namespace }),
      ...(labels && { labels }),
      ...(annotations && { annotations }),
    },
    spec: withoutDefaults(restoredSpec(driver.spec, revision)),
  };
  return stringify(written, { lineWidth: 0 });
}

/** A source in a ConfigMap is not part of the spec, so its text stays as it is. */
export const remark = ({ spec }: Revision): string | undefined =>
  spec.source?.configMapRef &&
  `its code is in the ConfigMap ${spec.source.configMapRef.name}, which no revision holds: go back there too if it changed`;

/** What says the same in fewest words. */
function withoutDefaults(spec: DriverSpec): object {
  const lean = structuredClone(spec) as unknown as Tree;
  const meant = canonicalJson(DriverSpec.parse(spec));
  const saysTheSame = () => {
    const read = DriverSpec.safeParse(lean);
    return read.success && canonicalJson(read.data) === meant;
  };
  prune(lean, saysTheSame);
  return lean;
}

type Tree = { [key: string]: unknown };

function prune(tree: Tree, holds: () => boolean): void {
  for (const [key, value] of Object.entries(tree)) {
    if (!Array.isArray(tree)) {
      delete tree[key];
      if (holds()) continue;
      tree[key] = value;
    }
    if (value !== null && typeof value === "object") prune(value as Tree, holds);
  }
}
