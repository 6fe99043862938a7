import { existsSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { Manifest } from "@vextir/api";
import type { Release } from "@vextir/operator/release.ts";
import { telemetryVariables } from "@vextir/operator/telemetry.ts";
import { z } from "zod";
import { version } from "../version.ts";
import { LocalError } from "./local-error.ts";

/** What Deployments call the driver image; it stands for the bundle of the driver host. */
export const LOCAL_IMAGE = "vextir-driver";

/** Folder of the driver host's bundle. @throws LocalError `NotBuilt` when there is none. */
export const driverBundle = (from?: string): string => bundleOf("driver", "the driver host", from);

/** Path of the context hub's program. @throws LocalError `NotBuilt` when there is none. */
export const hubProgram = (): string => join(bundleOf("hub", "the context hub"), "main.js");

/** Beside the CLI's own bundle, or in `dist/` of the source tree. */
function bundleOf(part: string, what: string, from = import.meta.dirname): string {
  for (let folder = from; ; folder = dirname(folder)) {
    for (const candidate of [join(folder, part), join(folder, "dist", part)])
      if (existsSync(join(candidate, "main.js"))) return candidate;
    if (dirname(folder) === folder)
      throw new LocalError(
        "NotBuilt",
        `the bundle of ${what} (dist/${part}/main.js) is missing: run \`npm run build\``,
      );
  }
}

/** The release as the local mode's pods find it. `busUrl`: one NATS URL. */
export async function localRelease(bundle: string, busUrl: string, logLevel?: string): Promise<Release> {
  const text = await readFile(join(bundle, "manifests.json"), "utf8");
  const manifests = z.record(z.string(), Manifest).parse(JSON.parse(text));
  return {
    version,
    image: LOCAL_IMAGE,
    manifests: new Map(Object.entries(manifests)),
    bus: { url: busUrl },
    guard: "LocalMode",
    telemetry: telemetryVariables(process.env),
    ...(logLevel !== undefined && { logLevel }),
  };
}
