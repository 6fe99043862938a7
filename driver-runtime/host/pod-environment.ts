import { readFile } from "node:fs/promises";
import { BUS_API_PREFIX, DriverFile, POD_ENV, portEnv } from "@vextir/api";
import { z } from "zod";
import { DriverError } from "../errors.ts";
import { createLog } from "../observability/log.ts";
import { logFields } from "../tracing/log-fields.ts";
import { tracesWanted } from "../tracing/wanted.ts";
import { readSecrets } from "./configuration.ts";
import type { Environment } from "./environment.ts";

type Variables = Readonly<Record<string, string | undefined>>;

export interface PodEnvironment extends Environment {
  /** Where the DriverFile lies; an inline source lies beside it. */
  driverFilePath: string;
}

/** What the pod was given by the operator. @throws DriverError `InvalidConfig`, naming the variable or the file's field. */
export async function podEnvironment(variables: Variables): Promise<PodEnvironment> {
  const driverFilePath = required(variables, "driverFile");
  const file = await readDriverFile(driverFilePath);
  const pod = variables[POD_ENV.pod] ?? file.name;
  const secrets = await readSecrets(file, variables[POD_ENV.secretsDir]);
  return {
    file,
    driverFilePath,
    config: { ...file.config, ...secrets },
    busServers: required(variables, "busUrl")
      .split(",")
      .map((url) => url.trim())
      .filter((url) => url !== ""),
    busTokenFile: optional(variables, "busTokenFile"),
    busCaFile: optional(variables, "busCaFile"),
    egress: egressProxy(variables),
    hub: contextHub(variables),
    secretsDir: optional(variables, "secretsDir"),
    modelKeysDir: optional(variables, "modelKeysDir"),
    apiPrefix: BUS_API_PREFIX,
    pod,
    templateHash: variables[POD_ENV.templateHash] ?? "",
    acceptedManifest: optional(variables, "acceptedManifest"),
    healthPort: portNumber(variables, POD_ENV.healthPort),
    listenHost: optional(variables, "listenHost"),
    port: (name) => portNumber(variables, portEnv(name)),
    log: createLog(
      { driver: file.name, namespace: file.namespace, pod },
      variables[POD_ENV.logLevel],
      secrets,
      tracesWanted(variables) ? logFields : undefined,
    ),
  };
}

function egressProxy(variables: Variables): Environment["egress"] {
  const url = optional(variables, "egressUrl");
  return url === undefined ? undefined : { url, caFile: required(variables, "egressCaFile") };
}

function contextHub(variables: Variables): Environment["hub"] {
  const url = optional(variables, "hubUrl");
  if (url === undefined) return undefined;
  return { url, tokenFile: required(variables, "hubTokenFile"), caFile: optional(variables, "hubCaFile") };
}

async function readDriverFile(path: string): Promise<DriverFile> {
  try {
    return DriverFile.parse(JSON.parse(await readFile(path, "utf8")));
  } catch (cause) {
    const problem = cause instanceof z.ZodError ? z.prettifyError(cause) : (cause as Error).message;
    throw new DriverError("InvalidConfig", `the driver's file ${path} can't be used: ${problem}`, { cause });
  }
}

const optional = (variables: Variables, key: keyof typeof POD_ENV) => variables[POD_ENV[key]] || undefined;

function required(variables: Variables, key: keyof typeof POD_ENV): string {
  const value = optional(variables, key);
  if (value !== undefined) return value;
  throw new DriverError(
    "InvalidConfig",
    `the environment variable ${POD_ENV[key]} is not set: a driver's process is started by the operator or by vextir up`,
  );
}

function portNumber(variables: Variables, name: string): number | undefined {
  const text = variables[name];
  if (text === undefined || text === "") return undefined;
  const number = Number(text);
  if (Number.isInteger(number) && number >= 0 && number <= 65_535) return number;
  throw new DriverError("InvalidConfig", `the environment variable ${name} must be a port, not "${text}"`);
}
