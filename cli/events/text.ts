import type { Colors } from "picocolors/types.js";
import { printable } from "../local/output/text.ts";
import type { ShownEvent, ShownHandling, ShownLineage } from "./shapes.ts";

const MAX_DATA_CHARS = 160;

/** One line: when, what, by whom, and the beginning of its data. */
export function eventLine(event: ShownEvent, colors: Colors): string {
  const data = event.data === undefined ? "" : JSON.stringify(event.data);
  const shown = data.length > MAX_DATA_CHARS ? `${data.slice(0, MAX_DATA_CHARS)}…` : data;
  const { storedAt, type, publisher, id } = plain(event);
  return `${colors.dim(storedAt)} ${colors.bold(type)} ${colors.cyan(publisher)} ${colors.dim(id)} ${line(shown)}`.trimEnd();
}

/** Control characters of drivers never reach the terminal, and a line stays one. */
const line = (text: string) => printable(text).replaceAll(/[\n\t]/g, " ");

const plain = ({ storedAt, type, publisher, id }: ShownEvent) => ({
  storedAt: line(storedAt),
  type: line(type),
  publisher: line(publisher),
  id: line(id),
});

export function handlingLine(
  { driver, attempt, durationMs, outcome, reason, error }: ShownHandling,
  colors: Colors,
): string {
  const paint = outcome === "Succeeded" ? colors.green : outcome === "Retried" ? colors.yellow : colors.red;
  const why = [reason, error].filter((text) => text !== undefined).map((text) => line(text));
  return `${line(driver)} #${attempt} ${paint(line(outcome))} ${durationMs.toFixed(1)} ms${why.length > 0 ? `: ${why.join(": ")}` : ""}`;
}

/** Everything of one event. */
export function eventText(
  event: ShownEvent & Record<string, unknown>,
  handlings: readonly ShownHandling[],
  colors: Colors,
): string {
  const { data, dataBase64, dataOmitted, ...attributes } = event;
  const content =
    data === undefined
      ? (dataBase64 ?? (dataOmitted ? "(too large to be shown)" : "(no data)"))
      : JSON.stringify(data, null, 2);
  return [
    ...Object.entries(attributes).map(
      ([name, value]) =>
        `${colors.dim(name.padEnd(16))}${line(typeof value === "string" ? value : JSON.stringify(value))}`,
    ),
    "",
    printable(content),
    "",
    ...(handlings.length > 0
      ? handlings.map((one) => handlingLine(one, colors))
      : ["handled by nobody, as far as is known"]),
  ].join("\n");
}

/** The graph as trees: each event under its first cause, with its handlings; the one that was asked for is marked. */
export function lineageTree({ events, edges, focus, truncated }: ShownLineage, colors: Colors): string[] {
  const children = new Map<number, number[]>();
  const hasCause = new Set<number>();
  for (const { from, to } of edges) {
    if (hasCause.has(to)) continue;
    hasCause.add(to);
    children.set(from, [...(children.get(from) ?? []), to]);
  }
  const lines: string[] = [];
  const shown = new Set<number>();
  const show = (at: number, lead: string, prefix: string): void => {
    const event = events[at];
    if (!event || shown.has(at)) return;
    shown.add(at);
    const { type, publisher, id } = plain(event);
    const mark = at === focus ? colors.bold(` ◀`) : "";
    lines.push(`${lead}${colors.bold(type)}  by ${colors.cyan(publisher)}  ${colors.dim(id)}${mark}`);
    const under = children.get(at) ?? [];
    for (const one of event.handlings)
      lines.push(`${prefix}${under.length > 0 ? "│ " : "  "}${colors.dim("·")} ${handlingLine(one, colors)}`);
    for (const [i, child] of under.entries()) {
      const last = i === under.length - 1;
      show(child, `${prefix}${last ? "└─ " : "├─ "}`, `${prefix}${last ? "   " : "│  "}`);
    }
  };
  for (const at of events.keys()) if (!hasCause.has(at)) show(at, "", "");
  // What is left goes round in a circle.
  for (const at of events.keys()) show(at, "", "");
  return truncated ? [...lines, colors.dim("… and more")] : lines;
}
