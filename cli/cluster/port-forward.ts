import { spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { OPERATOR_API } from "@vextir/api";
import { OperatorError } from "./operator-error.ts";

export interface Forward {
  port: number;
  stop(): Promise<void>;
}

export interface ForwardOptions {
  kubeconfig?: string | undefined;
  context?: string | undefined;
  /** The operator's. */
  namespace: string;
}

const READY_MS = 15_000;

/**
 * A port of this machine that leads to a replica of the operator: by kubectl, which knows every way to a cluster. What goes through is
 * TLS, so others on this machine gain nothing by it. @throws OperatorError `Unreachable`
 */
export async function forwardToOperator({
  kubeconfig,
  context,
  namespace,
}: ForwardOptions): Promise<Forward> {
  const args = [
    ...(kubeconfig ? ["--kubeconfig", kubeconfig] : []),
    ...(context ? ["--context", context] : []),
    ...["-n", namespace, "port-forward", `service/${OPERATOR_API.service}`, `:${OPERATOR_API.portName}`],
  ];
  const child = spawn("kubectl", args, { stdio: ["ignore", "pipe", "pipe"] });
  let said = "";
  child.stderr.on("data", (chunk) => {
    said = (said + chunk).slice(-2_000);
  });
  const failed = once(child, "error").then(([error]) => Promise.reject(error as Error));
  const ended = once(child, "exit");
  const stop = async () => {
    child.kill();
    await ended;
  };
  const timer = setTimeout(() => child.kill(), READY_MS);
  try {
    const port = await Promise.race([portOf(child.stdout), failed]);
    if (port === undefined) throw new Error(said.trim() || "kubectl said nothing");
    child.stdout.resume();
    return { port, stop };
  } catch (cause) {
    child.kill();
    const why = (cause as Error).message;
    throw new OperatorError(
      "Unreachable",
      `no port forward to the operator in ${namespace}: ${why}; or name its address with --server`,
      { cause },
    );
  } finally {
    clearTimeout(timer);
  }
}

/** Undefined: it ended before. */
async function portOf(output: NodeJS.ReadableStream): Promise<number | undefined> {
  for await (const line of createInterface({ input: output })) {
    const found = /^Forwarding from 127\.0\.0\.1:(\d+)/.exec(line);
    if (found) return Number(found[1]);
  }
  return undefined;
}
