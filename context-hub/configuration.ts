import { readFileSync } from "node:fs";
import { z } from "zod";
import { clusterAddress } from "./access/cluster-api.ts";

const port = z.coerce.number().int().min(0).max(65_535);

/** The hub's environment. */
const Environment = z.object({
  /** `host:port`. Without TLS it must be a loopback address. */
  VEXTIR_HUB_LISTEN: z
    .string()
    .regex(/^[^:]+:\d{1,5}$/, "host:port")
    .default("0.0.0.0:8444"),
  /** Folder of tls.crt and tls.key. */
  VEXTIR_HUB_TLS_DIR: z.string().min(1).optional(),
  /** A PostgreSQL, or VEXTIR_HUB_PATH. */
  VEXTIR_HUB_DATABASE_URL: z.string().min(1).optional(),
  /** File of it, for one with a password in it. */
  VEXTIR_HUB_DATABASE_URL_FILE: z.string().min(1).optional(),
  VEXTIR_HUB_DATABASE_PASSWORD_FILE: z.string().min(1).optional(),
  VEXTIR_HUB_CONNECTIONS: z.coerce.number().int().min(2).max(200).default(16),
  /** Folder of an embedded PGlite; one replica only. */
  VEXTIR_HUB_PATH: z.string().min(1).optional(),
  VEXTIR_HUB_SCHEMA: z
    .string()
    .regex(/^[a-z_][a-z0-9_]{0,50}$/, "lower-case letters, digits and '_'")
    .default("context_hub"),
  /** NATS URLs, comma separated: where the hub hears what is granted. */
  VEXTIR_BUS_URL: z.string().min(1),
  VEXTIR_BUS_CA_FILE: z.string().min(1).optional(),
  /** Of the hub's own user, as the operator makes it. */
  VEXTIR_HUB_BUS_CREDS_FILE: z.string().min(1),
  /** Whose tokens pods show, and the keys they are signed with: a file, or an https:// URL. Default: those of the cluster it runs in. */
  VEXTIR_HUB_TOKEN_ISSUER: z.string().min(1).optional(),
  VEXTIR_HUB_TOKEN_KEYS: z.string().min(1).optional(),
  /** JSON: `Models`. Absent: search by words, answers of the documents' own sentences. */
  VEXTIR_HUB_MODELS_FILE: z.string().min(1).optional(),
  /** Of /healthz, /readyz and /metrics. */
  VEXTIR_HEALTH_PORT: port.default(9464),
  /** Address of the health port. Default: all. */
  VEXTIR_LISTEN_HOST: z.string().min(1).optional(),
  VEXTIR_LOG_LEVEL: z.enum(["fatal", "error", "warn", "info", "debug", "trace"]).default("info"),
});

const Provider = z.object({
  endpoint: z.url(),
  model: z.string().min(1),
  /** File of the key. */
  apiKeyFile: z.string().min(1).optional(),
});
const Models = z.object({
  embedding: Provider.extend({ dimensions: z.int().min(1).max(2_000) }).optional(),
  chat: Provider.optional(),
});

export type HubConfiguration = ReturnType<typeof readHubConfiguration>;

/** @throws TypeError that names every variable that is wrong */
export function readHubConfiguration(env: NodeJS.ProcessEnv) {
  const read = Environment.safeParse(env);
  if (!read.success) throw new TypeError(problemsOf(read.error));
  const { data } = read;
  const [host = ""] = data.VEXTIR_HUB_LISTEN.split(":");
  const places = [data.VEXTIR_HUB_DATABASE_URL, data.VEXTIR_HUB_DATABASE_URL_FILE, data.VEXTIR_HUB_PATH];
  if (places.filter((place) => place !== undefined).length !== 1)
    throw new TypeError(
      "exactly one of VEXTIR_HUB_DATABASE_URL, VEXTIR_HUB_DATABASE_URL_FILE and VEXTIR_HUB_PATH must be set",
    );
  if (data.VEXTIR_HUB_TLS_DIR === undefined && !/^(127\.|localhost$)/.test(host))
    throw new TypeError(
      "VEXTIR_HUB_TLS_DIR must be set: without TLS the hub listens on a loopback address only",
    );
  return {
    listen: data.VEXTIR_HUB_LISTEN,
    tlsDir: data.VEXTIR_HUB_TLS_DIR,
    database: {
      url: data.VEXTIR_HUB_DATABASE_URL ?? contentOf(data.VEXTIR_HUB_DATABASE_URL_FILE),
      passwordFile: data.VEXTIR_HUB_DATABASE_PASSWORD_FILE,
      connections: data.VEXTIR_HUB_CONNECTIONS,
      path: data.VEXTIR_HUB_PATH,
      schema: data.VEXTIR_HUB_SCHEMA,
    },
    bus: {
      servers: data.VEXTIR_BUS_URL.split(",").map((url) => url.trim()),
      caFile: data.VEXTIR_BUS_CA_FILE,
      credsFile: data.VEXTIR_HUB_BUS_CREDS_FILE,
    },
    tokens: tokensOf(data, env),
    models: modelsOf(data.VEXTIR_HUB_MODELS_FILE),
    health: { port: data.VEXTIR_HEALTH_PORT, host: data.VEXTIR_LISTEN_HOST },
    logLevel: data.VEXTIR_LOG_LEVEL,
  };
}

const contentOf = (file: string | undefined) =>
  file === undefined ? undefined : readFileSync(file, "utf8").trim();

/** Where it is known whose token one is: by an issuer's keys, or by the API server of the hub's own cluster. */
function tokensOf(
  { VEXTIR_HUB_TOKEN_ISSUER: issuer, VEXTIR_HUB_TOKEN_KEYS: keys }: z.infer<typeof Environment>,
  env: NodeJS.ProcessEnv,
) {
  if (issuer !== undefined && keys !== undefined) return { issuer, keys };
  if (issuer !== undefined || keys !== undefined)
    throw new TypeError("VEXTIR_HUB_TOKEN_ISSUER and VEXTIR_HUB_TOKEN_KEYS must be set together");
  return { cluster: clusterAddress(env) };
}

function modelsOf(path: string | undefined): z.infer<typeof Models> {
  if (path === undefined) return {};
  const read = Models.safeParse(JSON.parse(readFileSync(path, "utf8")));
  if (!read.success) throw new TypeError(`${path}: ${problemsOf(read.error)}`);
  return read.data;
}

const problemsOf = (error: z.ZodError) =>
  error.issues.map(({ path, message }) => `${path.join(".")}: ${message}`).join("; ");
