import type { Explanation } from "@vextir/operator/explain/explanation.ts";
import { printable, table } from "./local/output/text.ts";

/** An explanation for the screen. */
export function capabilitiesText(explanation: Explanation): string {
  const parts = [
    heading(explanation),
    grants(explanation),
    offers(explanation),
    needs(explanation),
    policies(explanation),
  ];
  return printable(
    parts
      .filter((lines) => lines.length > 0)
      .map((lines) => lines.join("\n"))
      .join("\n\n"),
  );
}

function heading({ namespace, name, isAdmitted, violations, problem }: Explanation): string[] {
  const admitted = isAdmitted ? "" : ": NOT ADMITTED, it has nothing of what follows";
  return [
    `Driver ${namespace}/${name}${admitted}`,
    ...violations.map(
      ({ policy, field, value, rule, allowed }) =>
        `  TenantPolicy ${policy}: ${field}: ${value} is beyond ${rule} (${allowed})`,
    ),
    ...(problem === undefined ? [] : [`  the grants can't be carried out: ${problem}`]),
  ];
}

/** A row for each import, the line of the spec on the first one. */
function grants({ grants: lines, always }: Explanation): string[] {
  const rows = lines.flatMap(({ line, value, imports, remark }) =>
    imports.length === 0
      ? [[line, value, remark ?? "", ""]]
      : imports.map(({ subject, from }, index) =>
          index === 0 ? [line, value, subject, from] : ["", "", subject, from],
        ),
  );
  const base = always.map(({ subject, from, name }) => ["(every driver)", name, subject, from]);
  return table(["GRANTED BY", "GRANTS", "THAT IS", "FROM"], [...rows, ...base]);
}

function offers({ offers: exports, limits }: Explanation): string[] {
  const offered = exports.map(({ subject }) => subject).join(", ");
  return [
    `Offers to those that are granted it: ${offered}`,
    `Limits: ${limits.connections} connections, ${limits.subscriptions} subscriptions of each, ${limits.payloadBytes} bytes a message`,
  ];
}

function needs({ needs: needed }: Explanation): string[] {
  if (!needed) return ["Needs: not known yet, no pod has reported its manifest"];
  const rows = needed.needs.map(({ need, grantedBy }) => [need, grantedBy.join(", ") || "MISSING"]);
  const title = `Needs, by the manifest of ${needed.manifest}`;
  return [
    ...(rows.length > 0 ? [`${title}:`, ...table(["NEED", "GRANTED BY"], rows)] : [`${title}: nothing`]),
    ...(needed.unsubscribed.length > 0
      ? [`Handled but not subscribed to: ${needed.unsubscribed.join(", ")}`]
      : []),
  ];
}

function policies({ policies: bounding }: Explanation): string[] {
  if (bounding.length === 0) return ["Bounded by no TenantPolicy"];
  const rows = bounding.flatMap(({ name, bounds }) =>
    bounds.length === 0 ? [[name, "nothing", ""]] : bounds.map(({ rule, allowed }) => [name, rule, allowed]),
  );
  return table(["BOUNDED BY", "RULE", "ALLOWS"], rows);
}
