import { printable } from "../../local/output/text.ts";
import type { Answer } from "./ask.ts";

/** The tree of events, each under the one that caused it, with who published it. */
export function lineage(rootType: string, rootPublisher: string, { id, events }: Answer): string[] {
  const root = { id, type: rootType, publisher: rootPublisher, data: undefined };
  const known = new Set([id, ...events.map((event) => event.id)]);
  const under = (parent: string, prefix: string): string[] => {
    const children = events.filter(
      ({ causationid }) => causationid === parent || (parent === id && !known.has(causationid ?? "")),
    );
    return children.flatMap((child, i) => {
      const last = i === children.length - 1;
      const deeper = child.id === parent ? [] : under(child.id, `${prefix}${last ? "   " : "│  "}`);
      return [`${prefix}${last ? "└─ " : "├─ "}${describe(child)}`, ...deeper];
    });
  };
  return [describe(root), ...under(id, "")];
}

function describe({
  type,
  publisher,
  data,
}: Pick<Answer["events"][number], "type" | "publisher" | "data">): string {
  const tools = (data as { tools?: { name?: unknown }[] } | undefined)?.tools;
  const called =
    Array.isArray(tools) && tools.length > 0
      ? `, having called ${tools.map(({ name }) => name).join(", ")}`
      : "";
  return printable(`${type}  by ${publisher}${called}`);
}
