import { join } from "node:path";
import type { DriverFile } from "@vextir/api";
import type { Logger } from "pino";
import { DriverError } from "../errors.ts";
import type { RuntimeMetrics } from "../observability/runtime-metrics.ts";
import { fits, needText } from "./choice.ts";
import { type CountStore, memoryCounts } from "./counts.ts";
import { GrantedModel } from "./granted-model.ts";
import { LimitKeeper } from "./limits.ts";
import type { Model, ModelNeed, Models } from "./model.ts";

export interface ModelsParts {
  file: Pick<DriverFile, "name" | "models" | "capabilities">;
  /** Folder of the keys, a file per model that wants one. */
  keysDir: string | undefined;
  /** The driver's bucket, where it has one. */
  counts: CountStore | undefined;
  metrics: RuntimeMetrics;
  log: Logger;
}

/** The models that the Driver is granted. */
export function createModels({ file, keysDir, counts, metrics, log }: ModelsParts): Models {
  const limits = new LimitKeeper(counts ?? memoryCounts());
  const models = file.models.map(
    (info) =>
      new GrantedModel({
        ...{ info, limits, metrics, log },
        keyFile: info.hasKey && keysDir !== undefined ? join(keysDir, info.name) : undefined,
      }),
  );
  const names = models.map(({ name }) => name);
  return {
    names,
    get(name) {
      const found = models.find((model) => model.name === name);
      if (found) return found;
      throw file.capabilities.models.includes(name) ? notThere(file.name, name) : notGranted(file.name, name);
    },
    choose(need: ModelNeed = {}): Model[] {
      const fitting = models.filter(({ info }) => fits(info, need));
      if (fitting.length > 0) return fitting;
      const has = names.length > 0 ? names.join(", ") : "none";
      const message = `driver "${file.name}" has no model with ${needText(need)}; it is granted: ${has}`;
      throw new DriverError("NotFound", message);
    },
  };
}

const notThere = (driver: string, name: string) =>
  new DriverError("NotFound", `driver "${driver}": there is no Model "${name}" in its namespace`);
const notGranted = (driver: string, name: string) =>
  new DriverError(
    "NotGranted",
    `driver "${driver}" may not use model "${name}": its Driver object would have to grant it with spec.capabilities.models: ["${name}"]`,
  );
