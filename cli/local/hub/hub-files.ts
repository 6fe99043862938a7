import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import type { LocalBus } from "../bus/local-bus.ts";
import { writeAtomically } from "../state/atomic-file.ts";

export interface HubFiles {
  /** Of the embedded PostgreSQL. */
  data: string;
  credentials: string;
  tokenKeys: string;
}

/** What the hub's process reads: who it is on the bus, and the keys that this run's pods show tokens of. */
export async function writeHubFiles(folder: string, { realm, tokenKeys }: LocalBus): Promise<HubFiles> {
  await mkdir(folder, { recursive: true, mode: 0o700 });
  const files = {
    data: join(folder, "documents"),
    credentials: join(folder, "hub.creds"),
    tokenKeys: join(folder, "token-keys.json"),
  };
  await writeAtomically(files.credentials, realm.hubCredentials());
  await writeAtomically(files.tokenKeys, JSON.stringify(await tokenKeys()));
  return files;
}

/** The hub's environment, on this machine's loopback. */
export function hubEnvironment({
  bus,
  files,
  port,
  healthPort,
}: {
  bus: LocalBus;
  files: HubFiles;
  port: number;
  healthPort: number;
}): Record<string, string> {
  return {
    VEXTIR_HUB_LISTEN: `127.0.0.1:${port}`,
    VEXTIR_LISTEN_HOST: "127.0.0.1",
    VEXTIR_HEALTH_PORT: String(healthPort),
    VEXTIR_HUB_PATH: files.data,
    VEXTIR_BUS_URL: bus.url,
    VEXTIR_HUB_BUS_CREDS_FILE: files.credentials,
    VEXTIR_HUB_TOKEN_ISSUER: bus.tokenIssuer,
    VEXTIR_HUB_TOKEN_KEYS: files.tokenKeys,
  };
}
