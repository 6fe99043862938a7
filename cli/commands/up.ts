import { relative } from "node:path";
import { type DriverRow, driverTable, troubles } from "../local/driver-table.ts";
import type { LocalMode } from "../local/local-mode.ts";
import { Printer } from "../local/output/printer.ts";
import type { SecretVariable } from "../local/secret-variables.ts";
import { defaultState } from "../local/state/state-folder.ts";
import { version } from "../version.ts";
import { nextEvent } from "./next-event.ts";
import { type Session, withLocalMode } from "./session.ts";

export interface UpOptions {
  /** Default: `.vextir/<name>-<hash>` where `vextir` is called. */
  state?: string;
  json?: boolean;
  /** Secrets from the environment. */
  secretEnv?: readonly SecretVariable[];
  /** Stop when every driver is ready. */
  once?: boolean;
  /** Seconds that drivers have to become ready; with `once` the exit code tells. */
  timeout: number;
  logLevel?: string;
  color: boolean;
}

export const GUARDS =
  "Local mode guards the bus, not this machine: the code of modules runs with your rights, inline sources under Node's permission model.";

/** `vextir up <folder>`. Answers the exit code. */
export async function up(folder: string, options: UpOptions): Promise<number> {
  const printer = new Printer({ out: process.stdout, json: options.json ?? false, color: options.color });
  const state = options.state ?? defaultState(folder);
  const { bold, dim } = printer.colors;
  printer.text(
    `${bold(`Vextir OS ${version}, local mode`)}: ${folder}\n${dim(`${GUARDS}\nState: ${relative("", state) || "."}`)}\n`,
  );
  const { logLevel, secretEnv: secretVariables = [] } = options;
  const local = { folder, state, printer, secretVariables, ...(logLevel !== undefined && { logLevel }) };
  return withLocalMode(local, (session) => stayUp(session, printer, options));
}

async function stayUp({ mode, signal }: Session, printer: Printer, options: UpOptions): Promise<number> {
  tellReadiness(mode, printer);
  const ready = await mode.allReady(options.timeout * 1_000, signal);
  if (signal.aborted) return 0;
  printer.text(`\n${summary(mode, printer, ready, options).join("\n")}\n`);
  if (options.once) return ready ? 0 : 1;
  await new Promise((resolve) => signal.addEventListener("abort", resolve, { once: true }));
  return 0;
}

function summary(mode: LocalMode, printer: Printer, ready: boolean, { once, timeout }: UpOptions): string[] {
  const { bold, yellow, dim } = printer.colors;
  const rows = mode.drivers();
  const [header = "", ...lines] = driverTable(rows, Date.now());
  const table = [bold(header), ...lines];
  const notReady = ready
    ? []
    : rows.length === 0
      ? ["", yellow("There is no valid Driver in it.")]
      : ["", yellow(`Not ready after ${timeout} s:`), ...troubles(rows).map((line) => `  ${line}`)];
  const command = once ? undefined : nextEvent(mode);
  const next = command === undefined ? [] : ["", bold("Post an event:"), command];
  return [
    ...table,
    ...notReady,
    ...next,
    ...(once ? [] : ["", dim("An edited YAML file is applied at once. Ctrl-C stops.")]),
  ];
}

/** Says when a driver becomes ready, and why when it no longer is. */
function tellReadiness(mode: LocalMode, printer: Printer): void {
  const told = new Map<string, string>();
  const tell = (row: DriverRow) => {
    if (row.ready === "Unknown") return;
    const key = `${row.namespace}/${row.name}`;
    const before = told.get(key);
    const now = row.ready === "True" ? "ready" : `${row.reason}: ${row.message}`;
    told.set(key, now);
    if (before === now) return;
    if (now === "ready")
      printer.note(row.name, `is ready${row.urls.length > 0 ? ` at ${row.urls.join(" ")}` : ""}`);
    else printer.note(row.name, `is not ready: ${now}`, "warn");
  };
  const look = () => {
    for (const row of mode.drivers()) tell(row);
  };
  mode.onChange(look);
  look();
}
