import { readFile } from "node:fs/promises";
import { join } from "node:path";
import type { DriverFile } from "@vextir/api";
import { z } from "zod";
import { DriverError } from "../errors.ts";

/** Each secret's text under its name; the configuration has them beside what the Driver object says. @throws DriverError `InvalidConfig` */
export async function readSecrets(
  { name, secretNames }: DriverFile,
  secretsDir: string | undefined,
): Promise<Record<string, string>> {
  const secrets = await Promise.all(
    secretNames.map(
      async (secret): Promise<[string, string]> => [secret, await readSecret(name, secret, secretsDir)],
    ),
  );
  return Object.fromEntries(secrets);
}

/** As the file is now: the kubelet renews it. @throws DriverError `InvalidConfig` */
export async function readSecret(
  driver: string,
  secret: string,
  secretsDir: string | undefined,
): Promise<string> {
  const path = join(secretsDir ?? "", secret);
  try {
    return (await readFile(path, "utf8")).replace(/\r?\n$/, "");
  } catch (cause) {
    throw new DriverError(
      "InvalidConfig",
      `driver "${driver}": the secret for spec.configSecretRefs "${secret}" can't be read at ${path}`,
      { cause },
    );
  }
}

/** As the code's schema parses it. The error names each field, never a value: it may be a secret. @throws DriverError `InvalidConfig` */
export async function parseConfiguration(
  driver: string,
  schema: z.ZodType | undefined,
  config: Record<string, unknown>,
): Promise<unknown> {
  if (!schema) return config;
  const result = await schema.safeParseAsync(config);
  if (result.success) return result.data;
  throw new DriverError(
    "InvalidConfig",
    `driver "${driver}": spec.config is not what its code takes:\n${z.prettifyError(result.error)}`,
    { cause: result.error },
  );
}
