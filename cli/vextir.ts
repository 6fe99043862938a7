#!/usr/bin/env node
import { basename } from "node:path";
import { Command, InvalidArgumentError } from "commander";
import pico from "picocolors";
import { parseSecretVariable, type SecretVariable } from "./local/secret-variables.ts";
import { version } from "./version.ts";

const NODE = 24;
if (Number.parseInt(process.versions.node, 10) < NODE) {
  console.error(
    `vextir: needs Node ${NODE} or newer and this is ${process.versions.node}; \`npm run vextir -- …\` uses the pinned one`,
  );
  process.exit(1);
}
process.on("unhandledRejection", (error) => {
  console.error("vextir: a promise was left unhandled:", error);
});

const program = new Command("vextir")
  .description("Vextir OS: an operating system for personal and team agents.")
  .version(version, "-V, --version")
  .option("--no-color", "no colours (also: the variable NO_COLOR)")
  .showHelpAfterError("(vextir --help lists the commands)")
  .addHelpText(
    "after",
    `
Examples:
  vextir up examples/quickstart      run the drivers of a folder of YAML on this machine, until Ctrl-C
  vextir get drivers                 the drivers of the running local mode
  vextir capabilities assistant      what one of them may do, and why
  vextir demo                        the quickstart by itself: a message answered, an intruder refused
  vextir tools list                  the tools that its drivers offer
  vextir manifest ./driver.ts        what a driver's code says of itself`,
  );

/** The command's exit code; nothing else is to keep the process alive. */
const exit = async (code: Promise<number>) => {
  process.exitCode = await code;
};

const seconds = (text: string) => {
  const value = Number(text);
  if (!(value > 0 && value <= 86_400))
    throw new InvalidArgumentError("expected seconds, more than 0 and at most 86400.");
  return value;
};

const secretVariable = (text: string, before: SecretVariable[]) => {
  const variable = parseSecretVariable(text);
  if (!variable)
    throw new InvalidArgumentError("expected secret/key=VARIABLE, such as openai/api-key=OPENAI_API_KEY.");
  return [...before, variable];
};

const color = () => (program.opts()["color"] as boolean) && pico.isColorSupported;

const level =
  "of drivers and operator: trace, debug, info, warn or error (default: drivers info, operator warn)";

program
  .command("up")
  .description("run the drivers of a folder of YAML on this machine, with a bus of their own, until Ctrl-C")
  .argument(
    "<folder>",
    "folder of YAML files (Driver, EventBus, Model, ToolServer, TenantPolicy, ConfigMap, Secret), or one file",
  )
  .option("--state <folder>", "where the bus's data and keys are kept (default: .vextir/<name>-<hash> here)")
  .option(
    "--secret-env <secret/key=VARIABLE>",
    "a Secret's key from a variable of the environment, where that is set; repeatable",
    secretVariable,
    [],
  )
  .option("--once", "stop when every driver is ready; the exit code tells")
  .option("--timeout <seconds>", "how long drivers may take to become ready before that is told", seconds, 60)
  .option("--json", "print the drivers' log lines as they are, JSON")
  .option("--log-level <level>", level)
  .action(async (folder: string, options) => {
    const { up } = await import("./commands/up.ts");
    await exit(up(folder, { ...options, color: color() }));
  });

program
  .command("demo")
  .description("run the quickstart, show an answered message and a refused intruder, and stop")
  .option("--state <folder>", "where the bus's data and keys are kept (default: a temporary folder)")
  .option("--verbose", "print the drivers' log lines too")
  .option("--timeout <seconds>", "how long drivers may take to become ready", seconds, 120)
  .action(async (options) => {
    const { demo } = await import("./commands/demo.ts");
    await exit(demo({ ...options, color: color() }));
  });

program
  .command("get")
  .description("show what a running local mode has")
  .addCommand(
    new Command("drivers")
      .alias("driver")
      .description("the drivers, as `kubectl get drivers` shows them")
      .option("--state <folder>", "state of the local mode (default: the one that runs)")
      .option("-o, --output <format>", "json, or a table")
      .action(async (options) => {
        const { getDrivers } = await import("./commands/get.ts");
        console.log(await getDrivers(options));
      }),
  );

/** As `kubectl vextir`: the cluster is meant. */
const isPlugin = basename(process.argv[1] ?? "").startsWith("kubectl-vextir");

/** Where the cluster is and who asks. */
const inCluster = (command: Command) =>
  command
    .option("--kubeconfig <file>", "default: KUBECONFIG, or ~/.kube/config")
    .option("--context <name>", "of the kubeconfig")
    .option("--operator-namespace <namespace>", "where the chart is installed", "vextir-system")
    .option("--server <url>", "the operator's API (default: a port forward by kubectl)")
    .option(
      "--ca-file <file>",
      "whom to trust (default: the ConfigMap vextir-ca of the operator's namespace)",
    )
    .option("--service-account <namespace/name>", "show its token instead of the kubeconfig user's");

inCluster(
  program
    .command("capabilities")
    .description("what a driver may do: by which line of its spec, and what bounds it")
    .argument("<driver>", "its name")
    .option("-n, --namespace <namespace>", "its namespace", "default")
    .option("--state <folder>", "state of the local mode (default: the one that runs)")
    .option("--cluster", "ask the operator of a cluster, not the local mode", isPlugin)
    .option("-o, --output <format>", "json, or tables"),
).action(async (driver: string, options) => {
  if (options.cluster || options.server) {
    const { clusterCapabilities } = await import("./commands/cluster-capabilities.ts");
    console.log(await clusterCapabilities(driver, options));
    return;
  }
  const { capabilities } = await import("./commands/capabilities.ts");
  console.log(await capabilities(driver, options));
});

inCluster(
  program
    .command("scaling")
    .description("how a driver is scaled, and why: its lag, its bounds, the last changes")
    .argument("<driver>", "its name")
    .option("-n, --namespace <namespace>", "its namespace", "default")
    .option("--state <folder>", "state of the local mode (default: the one that runs)")
    .option("--cluster", "ask the operator of a cluster, not the local mode", isPlugin)
    .option("-o, --output <format>", "json, or text"),
).action(async (driver: string, options) => {
  const { clusterScaling, scaling } = await import("./commands/scaling.ts");
  const ask = options.cluster || options.server ? clusterScaling : scaling;
  console.log(await ask(driver, options));
});

const revisionNumber = (text: string) => {
  const value = Number(text);
  if (!Number.isSafeInteger(value) || value < 1)
    throw new InvalidArgumentError("expected a revision's number.");
  return value;
};

/** A command that looks for a driver's versions, in a local mode or a cluster. */
const revisionsCommand = (name: string, description: string) =>
  program
    .command(name)
    .description(description)
    .argument("<driver>", "its name")
    .option("-n, --namespace <namespace>", "its namespace", "default")
    .option("--state <folder>", "state of the local mode (default: the one that runs)")
    .option("--cluster", "in a cluster, as the kubeconfig's user, not in the local mode", isPlugin)
    .option("--kubeconfig <file>", "default: KUBECONFIG, or ~/.kube/config")
    .option("--context <name>", "of the kubeconfig");

revisionsCommand("history", "the versions of a driver that ran and are kept")
  .option("--revision <number>", "show this one, as YAML", revisionNumber)
  .option("-o, --output <format>", "json, or a table")
  .action(async (driver: string, options) => {
    const { history } = await import("./commands/history.ts");
    console.log(await history(driver, options));
  });

revisionsCommand(
  "rollback",
  "put a version of before back into the Driver; of a local mode: print it, to be put into the folder",
)
  .option(
    "--to-revision <number>",
    "default: the newest that is not what the Driver says now",
    revisionNumber,
  )
  .option("--dry-run", "in a cluster: only ask whether it would be done")
  .action(async (driver: string, options) => {
    const { rollbackCluster, rollbackLocal } = await import("./commands/rollback.ts");
    const rollback = options.cluster ? rollbackCluster : rollbackLocal;
    console.log(await rollback(driver, options, (note) => console.error(`vextir: ${note}`)));
  });

program
  .command("keys")
  .description("the keys of a bus")
  .addCommand(
    inCluster(
      new Command("rotate")
        .description(
          "of a cluster: new keys for a driver, a tenant, the operator, the master secret or the certificates' authority; " +
            "of a local mode that doesn't run: all keys, its data stays",
        )
        .argument("[what]", "of a cluster: driver, tenant, operator, master or authority")
        .argument("[driver]", "its name")
        .option("-n, --namespace <namespace>", "of the driver or tenant", "default")
        .option("--no-wait", "don't wait until it is done")
        .option("--state <folder>", "state of the local mode"),
    ).action(async (what: string | undefined, driver: string | undefined, options) => {
      if (options.state !== undefined) {
        const { rotateKeys } = await import("./commands/keys.ts");
        console.log(await rotateKeys(options.state));
        return;
      }
      const { rotateClusterKeys } = await import("./commands/cluster-keys.ts");
      console.log(await rotateClusterKeys(what, driver, options));
    }),
  );

/** A command that asks the driver `ledger` of a running local mode. */
const ledgerCommand = (name: string, description: string) =>
  new Command(name)
    .description(description)
    .option("-n, --namespace <namespace>", "its namespace", "default")
    .option("--ledger <driver>", "the ledger's name", "ledger")
    .option("--state <folder>", "state of the local mode (default: the one that runs)")
    .option("-o, --output <format>", "json, or text");

program
  .command("events")
  .description("show what is known of events")
  .addCommand(
    new Command("types")
      .description("the event catalogue: types, versions, and what their data must hold")
      .argument("[pattern]", "of types: chat.>, *.requested", ">")
      .option("-o, --output <format>", "json (with the JSON Schemas), or a table")
      .action(async (pattern: string, options) => {
        const { eventTypes } = await import("./commands/events-types.ts");
        console.log(await eventTypes(pattern, options));
      }),
  )
  .addCommand(
    ledgerCommand("tail", "what the ledger of a running local mode records, as it comes; Ctrl-C ends it")
      .option("--types <pattern...>", "only these types: chat.>, *.requested")
      .option("--user <user>", "only on behalf of this user")
      .option("--publisher <driver>", "only what this driver put on the bus")
      .option("--text <words>", "only what has these words")
      .option("--last <n>", "begin with so many of those recorded before", (text) => Number(text), 10)
      .option("--no-follow", "end after those")
      .action(async (options) => {
        const { tailEvents } = await import("./commands/events.ts");
        await tailEvents({ ...options, color: color() }, (line) => console.log(line));
      }),
  )
  .addCommand(
    ledgerCommand("show", "one event with its data, and each attempt of a driver to handle it")
      .argument("<id>", "of the event")
      .action(async (id: string, options) => {
        const { showEvent } = await import("./commands/events.ts");
        console.log(await showEvent(id, { ...options, color: color() }));
      }),
  )
  .addCommand(
    ledgerCommand("lineage", "what caused an event and what it caused, as a tree with each handling")
      .argument("<id>", "of the event")
      .action(async (id: string, options) => {
        const { showLineage } = await import("./commands/events.ts");
        console.log(await showLineage(id, { ...options, color: color() }));
      }),
  );

/** Of the running local mode, or of a cluster by its operator. */
const tenantCommand = (name: string, description: string) =>
  inCluster(
    new Command(name)
      .description(description)
      .option("-n, --namespace <namespace>", "its namespace", "default")
      .option("--state <folder>", "state of the local mode (default: the one that runs)")
      .option("--cluster", "ask the operator of a cluster, not the local mode", isPlugin)
      .option("-o, --output <format>", "json, or text"),
  );

const TIME = "a time such as 2026-11-27T09:30:00Z, or so long ago: 90m";

const lettersCommand = (name: string, description: string) =>
  tenantCommand(name, description)
    .option("--driver <driver>", "only of this driver")
    .option("--subscription <name>", "only of this subscription")
    .option("--type <pattern>", "only of these types: chat.>")
    .option("--reason <reason>", "only for this reason: AttemptsExhausted, MaxDeliveries, …")
    .option("--user <user>", "only on behalf of this user")
    .option("--from <time>", `only those since: ${TIME}`)
    .option("--to <time>", "only those until");

const whole = (text: string) => {
  const value = Number(text);
  if (!Number.isInteger(value) || value < 0) throw new InvalidArgumentError("expected a whole number.");
  return value;
};
const wholes = (text: string, before: number[] = []) => [...before, whole(text)];
const tell = (line: string) => console.error(line);

program
  .command("dlq")
  .description("the dead letters: events that their drivers could not handle")
  .addCommand(
    lettersCommand("list", "the dead letters, oldest first: why, after how many attempts, with which error")
      .option("--limit <n>", "so many at most", whole, 100)
      .option("--after <number>", "only those behind this one", whole)
      .action(async (options) => {
        const { listLetters } = await import("./commands/dlq.ts");
        console.log(await listLetters(options));
      }),
  )
  .addCommand(
    tenantCommand("show", "one dead letter with its event")
      .argument("<number>", "as `list` shows it", whole)
      .option("--driver <driver>", "whose it is")
      .action(async (number: number, options) => {
        const { showLetter } = await import("./commands/dlq.ts");
        console.log(await showLetter(number, options));
      }),
  )
  .addCommand(
    lettersCommand(
      "redrive",
      "send their events to their drivers again; what DIRECTED has is no dead letter any more",
    )
      .argument("[numbers...]", "as `list` shows them", wholes)
      .option("--all", "where neither numbers nor a filter say which")
      .option("--unverified", "also those whose event the bus no longer has, as the driver kept it")
      .action(async (numbers: number[] | undefined, options) => {
        const { redriveLetters } = await import("./commands/dlq.ts");
        console.log(await redriveLetters(numbers ?? [], options, tell));
      }),
  )
  .addCommand(
    lettersCommand("drop", "delete them")
      .argument("[numbers...]", "as `list` shows them", wholes)
      .option("--all", "where neither numbers nor a filter say which")
      .action(async (numbers: number[] | undefined, options) => {
        const { dropLetters } = await import("./commands/dlq.ts");
        console.log(await dropLetters(numbers ?? [], options, tell));
      }),
  );

program.addCommand(
  tenantCommand("replay", "send a part of the history to one driver again, and to no other")
    .requiredOption("--driver <driver>", "whom")
    .requiredOption("--from <time>", `events since: ${TIME}`)
    .option("--to <time>", "events until (default: now)")
    .option("--types <pattern...>", "only these types: chat.>, *.requested")
    .option("--dry-run", "send nothing; tell how many events of which types it would be")
    .option("--id <replay>", "go on with this replay …", undefined)
    .option("--after <number>", "… behind this event", whole)
    .action(async (options) => {
      const { replay } = await import("./commands/replay.ts");
      const interrupted = new AbortController();
      process.once("SIGINT", () => interrupted.abort());
      console.log(await replay(options, tell, interrupted.signal));
      if (interrupted.signal.aborted) process.exitCode = 130;
    }),
);

program
  .command("tools")
  .description("the tools of drivers: what agents are shown, to be looked at and tried by hand")
  .addCommand(
    tenantCommand("list", "the tools, by the names under which they are granted and called")
      .option("--driver <driver>", "only of this driver")
      .action(async (options) => {
        const { listTools } = await import("./commands/tools.ts");
        console.log(await listTools(options));
      }),
  )
  .addCommand(
    tenantCommand("call", "call one, and print its answer")
      .argument("<tool>", "<driver>.<tool>, as `list` shows it")
      .argument("[input]", 'JSON, such as \'{"zone": "Asia/Tokyo"}\'; - reads it from the standard input')
      .action(async (tool: string, input: string | undefined, options) => {
        const { callTool } = await import("./commands/tools.ts");
        console.log(await callTool(tool, input, options));
      }),
  );

program
  .command("manifest")
  .description("print what a driver's code says of itself, as JSON")
  .argument("<module>", "a built-in driver's name, or the path of a module that exports a driver")
  .action(async (module: string) => {
    const { manifest } = await import("./commands/manifest.ts");
    console.log(await manifest(module));
  });

program
  .command("version")
  .description("print the version")
  .action(() => console.log(version));

/** Errors that say what to do; everything else is a bug and shown whole. */
const KNOWN = new Set(["LocalError", "ToolError", "BusError", "OperatorError", "ClusterError"]);

try {
  await program.parseAsync();
} catch (error) {
  const { name, message, stack } = error as Error;
  console.error(KNOWN.has(name) ? `vextir: ${message}` : `vextir: ${stack}`);
  process.exitCode = 1;
}
