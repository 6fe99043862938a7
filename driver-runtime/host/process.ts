import type { Logger } from "pino";
import { DriverError } from "../errors.ts";
import { createLog } from "../observability/log.ts";
import type { OpenTracing } from "../tracing/open-tracing.ts";
import { tracesWanted } from "../tracing/wanted.ts";
import type { Environment } from "./environment.ts";
import { type HostLayout, loadDriver, shareModules } from "./load-module.ts";
import { podEnvironment } from "./pod-environment.ts";
import { type RunningDriver, runDriver } from "./run-driver.ts";
import { releaseStartupMemory } from "./startup-memory.ts";

/** The configuration or the module is bad: starting again is of no use (sysexits.h, EX_CONFIG). */
export const EXIT_CONFIG = 78;

/** For the last spans, after the driver stopped. */
const LAST_SPANS_MS = 1_000;

/**
 * Runs the driver that the environment names until it is told to stop. Answers the process's exit code. `stripped` is its
 * inline source without types, if that is known.
 */
export async function runProcess(layout: HostLayout, stripped: string | undefined): Promise<number> {
  let log = createLog({ driver: "", namespace: "" });
  let tracing: OpenTracing | undefined;
  try {
    const environment = await podEnvironment(process.env);
    log = environment.log;
    shareModules(layout);
    await leadOut(environment);
    tracing = await traced(environment);
    const definition = await loadDriver(environment.file, environment.driverFilePath, layout, stripped);
    const driver = await runDriver(definition, { ...environment, tracing });
    dieOfErrors(log);
    stopOnSignals(driver, log);
    driver.ready.then(releaseStartupMemory, () => {});
    await driver.ended;
    return 0;
  } catch (error) {
    log.fatal({ err: error }, "the driver can't run");
    const ofNoUse = error instanceof DriverError && ["InvalidConfig", "InvalidDriver"].includes(error.code);
    return ofNoUse ? EXIT_CONFIG : 1;
  } finally {
    await tracing?.close(LAST_SPANS_MS);
  }
}

/** Traces are no reason not to run: what is wrong with their settings is told, and there are none. */
async function traced({ file, pod, log }: Environment): Promise<OpenTracing | undefined> {
  if (!tracesWanted(process.env)) return undefined;
  try {
    const { openTracing } = await import("../tracing/open-tracing.ts");
    const { name: driver, namespace } = file;
    return openTracing({ driver, namespace, pod, variables: process.env, log });
  } catch (error) {
    log.warn({ err: error }, "no traces are made");
    return undefined;
  }
}

/** Before the driver's code makes its first client; nothing of it is loaded where there is nothing to reach. */
async function leadOut({ egress, busTokenFile: tokenFile, log }: Environment): Promise<void> {
  if (!egress || tokenFile === undefined) return;
  const { openEgress } = await import("../egress/egress.ts");
  await openEgress({ ...egress, tokenFile, log });
}

function stopOnSignals(driver: RunningDriver, log: Logger): void {
  let told = false;
  for (const signal of ["SIGTERM", "SIGINT"] as const)
    process.on(signal, () => {
      if (told) {
        log.warn({ signal }, "told twice to stop: leaving at once");
        process.exit(1);
      }
      told = true;
      void driver.stop();
    });
}

/** Node's default, with a line that says whose error it was: what is in hand is delivered again elsewhere. */
function dieOfErrors(log: Logger): void {
  for (const event of ["uncaughtException", "unhandledRejection"] as const)
    process.on(event, (error: unknown) => {
      log.fatal({ err: error }, "an error that nobody handled ends the process");
      process.exit(1);
    });
}
