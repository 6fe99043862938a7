import type { DriverFile } from "@vextir/api";
import type { Logger } from "pino";
import type { Tracing } from "../tracing/tracing.ts";

/** Everything that a driver's process is told from outside. */
export interface Environment {
  file: DriverFile;
  /** `file.config` with the secrets. */
  config: Record<string, unknown>;
  busServers: string[];
  busTokenFile?: string | undefined;
  busCaFile?: string | undefined;
  /** The egress proxy; absent: there is nothing that it may reach, or nothing that keeps it from it (local mode). */
  egress?: { url: string; caFile: string } | undefined;
  /** The context hub; absent: there is none. */
  hub?: { url: string; tokenFile: string; caFile?: string | undefined } | undefined;
  /** Folder of the secrets in `config`, a file for each. */
  secretsDir?: string | undefined;
  /** Folder of the models' keys; absent: no granted model wants one. */
  modelKeysDir?: string | undefined;
  /** JetStream's API as the driver sees it. */
  apiPrefix: string;
  pod: string;
  templateHash: string;
  /** Hash of the manifest that needs no further acceptance. */
  acceptedManifest?: string | undefined;
  /** 0: any free one; absent: no health endpoints. */
  healthPort?: number | undefined;
  /** Address that its servers listen on; absent: all of them. */
  listenHost?: string | undefined;
  /** Number of a named port; undefined: the Driver has none of this name. */
  port: (name: string) => number | undefined;
  log: Logger;
  /** Absent: no spans are made. */
  tracing?: Tracing | undefined;
}
