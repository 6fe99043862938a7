import { hostname } from "node:os";
import { z } from "zod";
import { type AddressRange, rangeOf } from "./address-ranges.ts";

const LogLevel = z.enum(["fatal", "error", "warn", "info", "debug", "trace"]);
const port = z.coerce.number().int().min(0).max(65_535);
const seconds = z.coerce.number().int().min(1).max(86_400);

/** The egress proxy's environment. */
const Environment = z.object({
  /** Names the replica in its log. */
  VEXTIR_POD: z.string().min(1).default(hostname()),
  VEXTIR_LOG_LEVEL: LogLevel.default("info"),
  /** Of /healthz, /readyz and /metrics. */
  VEXTIR_HEALTH_PORT: port.default(9464),
  VEXTIR_EGRESS_PORT: port.default(8443),
  /** Folder of tls.crt and tls.key; both may be renewed there. */
  VEXTIR_EGRESS_TLS_DIR: z.string().min(1).default("/etc/vextir/tls"),
  /** Namespaces whose Drivers it serves, comma separated. Default: all. */
  VEXTIR_WATCH_NAMESPACES: z.string().default(""),
  /** Ranges that nobody may reach, whatever a Driver lists, comma separated. */
  VEXTIR_EGRESS_NEVER: z.string().default("127.0.0.0/8,::1/128,169.254.0.0/16,fe80::/10"),
  /** Open tunnels of one driver, in this replica. */
  VEXTIR_EGRESS_MAX_TUNNELS: z.coerce.number().int().min(1).max(8_192).default(128),
  /** A tunnel in which nothing is said for so long is closed. */
  VEXTIR_EGRESS_IDLE_SECONDS: seconds.default(600),
  /** What open tunnels have to end by themselves when the proxy is told to. */
  VEXTIR_EGRESS_DRAIN_SECONDS: seconds.default(50),
});

export interface EgressConfiguration {
  pod: string;
  logLevel: z.infer<typeof LogLevel>;
  healthPort: number;
  port: number;
  tlsDir: string;
  /** Empty: all. */
  watchNamespaces: readonly string[];
  never: readonly AddressRange[];
  maxTunnelsPerDriver: number;
  /** Of one address, whoever it is; default: the proxy's own. */
  maxConnectionsPerAddress?: number;
  idleMs: number;
  drainMs: number;
}

/** @throws TypeError that names every variable that is wrong, RangeError for a range that is none. */
export function readEgressConfiguration(env: NodeJS.ProcessEnv): EgressConfiguration {
  const read = Environment.safeParse(env);
  if (!read.success) {
    const problems = read.error.issues.map(({ path, message }) => `${path.join(".")}: ${message}`);
    throw new TypeError(`the environment is not as the egress proxy needs it: ${problems.join("; ")}`);
  }
  const { data } = read;
  const listed = (text: string) => text.split(",").filter((entry) => entry !== "");
  return {
    pod: data.VEXTIR_POD,
    logLevel: data.VEXTIR_LOG_LEVEL,
    healthPort: data.VEXTIR_HEALTH_PORT,
    port: data.VEXTIR_EGRESS_PORT,
    tlsDir: data.VEXTIR_EGRESS_TLS_DIR,
    watchNamespaces: listed(data.VEXTIR_WATCH_NAMESPACES),
    never: listed(data.VEXTIR_EGRESS_NEVER).map(rangeOf),
    maxTunnelsPerDriver: data.VEXTIR_EGRESS_MAX_TUNNELS,
    idleMs: data.VEXTIR_EGRESS_IDLE_SECONDS * 1_000,
    drainMs: data.VEXTIR_EGRESS_DRAIN_SECONDS * 1_000,
  };
}
