import { Duration } from "@vextir/driver-runtime";
import { z } from "zod";

export const Config = z
  .object({
    url: z
      .string()
      .regex(
        /^postgres(ql)?:\/\/[^:@/]+@[^/]+\/[^/?#]+(\?.*)?$/,
        "postgres://<user>@<host>[:port]/<database>, without a password",
      )
      .optional()
      .describe("A PostgreSQL of 14 or newer, without the password."),
    password: z
      .string()
      .min(1)
      .optional()
      .describe("Password of the user; given by spec.configSecretRefs, never in the manifest."),
    path: z
      .string()
      .min(1)
      .optional()
      .describe("Folder of an embedded PGlite instead of a PostgreSQL; one replica only."),
    schema: z
      .string()
      .regex(/^[a-z_][a-z0-9_]{0,62}$/, "lower-case letters, digits and '_'")
      .optional()
      .describe("Schema of the tables. Default: ledger_<namespace>, so that tenants may share a database."),
    retention: Duration.default("2160h").describe(
      "What the bus stored longer ago is dropped, by whole partitions.",
    ),
    connections: z.int().min(2).max(100).default(8).describe("Most connections to PostgreSQL of one pod."),
  })
  .refine(({ url, path }) => (url === undefined) !== (path === undefined), {
    message: "exactly one of url and path must be set",
    path: ["url"],
  });
export type Config = z.infer<typeof Config>;
