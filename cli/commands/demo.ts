import { existsSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join, relative } from "node:path";
import { type TenantView, viewTenant } from "@vextir/operator/bus/index.ts";
import { driverTable, troubles } from "../local/driver-table.ts";
import { LocalError } from "../local/local-error.ts";
import type { LocalMode } from "../local/local-mode.ts";
import { Printer } from "../local/output/printer.ts";
import { printable } from "../local/output/text.ts";
import { version } from "../version.ts";
import { ask } from "./demo/ask.ts";
import { callsServed } from "./demo/calls-served.ts";
import { attemptTable, changesByIntrusion, IntrusionReport, succeeded } from "./demo/intrusion.ts";
import { lineage } from "./demo/lineage.ts";
import { gatewayUrl } from "./next-event.ts";
import { type Session, withLocalMode } from "./session.ts";
import { GUARDS } from "./up.ts";

export interface DemoOptions {
  state?: string;
  verbose?: boolean;
  /** Seconds that drivers have to become ready. */
  timeout: number;
  color: boolean;
}

const NAMESPACE = "default";
const QUESTION = "What time is it in Tokyo?";

/** `vextir demo`: the quickstart by itself. Answers 0 when everything went as it should, 1 when not. */
export async function demo(options: DemoOptions): Promise<number> {
  const began = Date.now();
  const folder = quickstart();
  const least = options.verbose ? "info" : "warn";
  const printer = new Printer({ out: process.stdout, json: false, color: options.color, least });
  const state = options.state ?? (await mkdtemp(join(tmpdir(), "vextir-demo-")));
  const { bold, dim, green } = printer.colors;
  try {
    printer.text(`${bold(`Vextir OS ${version}`)}: ${relative("", folder)} in local mode\n${dim(GUARDS)}\n`);
    const code = await withLocalMode({ folder, state, printer }, (session) =>
      tour(session, printer, options.timeout),
    );
    if (code === 0)
      printer.text(
        `\n${green("✓")} Everything is stopped (${Math.round((Date.now() - began) / 1_000)} s). \`make up\` does the same and stays.`,
      );
    return code;
  } finally {
    if (options.state === undefined) await rm(state, { recursive: true, force: true });
  }
}

/** @throws LocalError `NotBuilt` outside a checkout. */
function quickstart(): string {
  for (let folder = import.meta.dirname; dirname(folder) !== folder; folder = dirname(folder)) {
    const found = join(folder, "examples", "quickstart");
    if (existsSync(join(found, "gateway.yaml"))) return found;
  }
  throw new LocalError("NotBuilt", "examples/quickstart is not there: run the demo from a checkout");
}

async function tour({ mode, signal }: Session, printer: Printer, timeoutSeconds: number): Promise<number> {
  const { bold, red } = printer.colors;
  const ready = await mode.allReady(timeoutSeconds * 1_000, signal);
  if (signal.aborted) return 1;
  const [header = "", ...rows] = driverTable(mode.drivers(), Date.now());
  printer.text(`\n${[bold(header), ...rows].join("\n")}`);
  const url = gatewayUrl(mode);
  if (!ready || url === undefined) {
    printer.text(red(`\nNot ready after ${timeoutSeconds} s:\n${troubles(mode.drivers()).join("\n")}`));
    return 1;
  }
  await chat(url, printer, signal);
  return (await intrusion(mode, url, printer, signal)) ? 0 : 1;
}

async function chat(url: string, printer: Printer, signal: AbortSignal): Promise<void> {
  const { bold, green, dim } = printer.colors;
  printer.text(
    `\n${bold("1. A message")}  ${dim(`POST ${url}/api/events, chat.message.received`)}\n   “${QUESTION}”`,
  );
  const answer = await ask(url, "chat.message.received", { text: QUESTION }, signal);
  const last = answer.events.at(-1)?.data as { text?: string } | undefined;
  printer.text(`   ${green("→")} “${printable(String(last?.text ?? ""))}”`);
  printer.text(`\n   ${bold("Its lineage")}, publishers by the server's word`);
  for (const line of lineage("chat.message.received", "gateway", answer)) printer.text(`   ${line}`);
}

/** Answers whether every attempt failed, by what the intruder saw and by what is seen from outside. */
async function intrusion(
  mode: LocalMode,
  url: string,
  printer: Printer,
  signal: AbortSignal,
): Promise<boolean> {
  const { bold, dim, green, red } = printer.colors;
  const type = "demo.intrusion.requested";
  printer.text(`\n${bold("2. An intruder")}  ${dim(`POST ${url}/api/events, ${type}`)}`);
  const before = await look(mode);
  const answer = await ask(url, type, {}, signal);
  const { attempts } = IntrusionReport.parse(answer.events.at(-1)?.data);
  const columns = process.stdout.columns ?? Number.POSITIVE_INFINITY;
  for (const line of attemptTable(attempts, printer.colors, columns)) printer.text(`   ${line}`);
  const after = await look(mode);
  const changed = changesByIntrusion(before, after);
  const got = attempts.filter(succeeded);
  for (const { attempt, target, outcome } of got)
    printer.text(red(`   ✗ ${outcome}: ${attempt} (${target})`));
  for (const change of changed) printer.text(red(`   ✗ changed: ${printable(change)}`));
  if (got.length > 0 || changed.length > 0) return false;
  const count = (kind: string) => [...after.keys()].filter((key) => key.startsWith(`${kind} `)).length;
  printer.text(
    `\n   ${green("✓")} ${attempts.length} attempts, none got anywhere. Seen from outside: ${count("stream")} streams, ${count("consumer")} consumers,\n` +
      `     ${count("subject")} subjects, and nothing changed but what the intruder is granted: its report and its own bucket.`,
  );
  return true;
}

/** The bus as its administrator sees it, and how many calls each driver has served by its own count. */
async function look(mode: LocalMode): Promise<TenantView> {
  const { url, realm, pinned } = mode.bus;
  const view = new Map(await viewTenant({ servers: [url], realm, pinned }, NAMESPACE));
  for (const { name } of mode.drivers())
    view.set(`calls ${name}`, String(await callsServed(mode.healthUrl(NAMESPACE, name))));
  return view;
}
