import { existsSync } from "node:fs";
import { registerHooks } from "node:module";
import { dirname, extname, isAbsolute, join, resolve } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { type DriverFile, DriverName } from "@vextir/api";
import type { DriverDefinition } from "../driver/definition.ts";
import { definitionOf } from "../driver/manifest.ts";
import { DriverError } from "../errors.ts";

/** Where the host finds what it brings: beside its bundle, or in the source tree. */
export interface HostLayout {
  /** URLs of the copies that the host itself uses, by specifier. */
  shared: Readonly<Record<string, string>>;
  /** File of a built-in driver. */
  builtIn(name: string): string;
}

/** The layout around the host's main module. */
export function layoutOf(mainUrl: string): HostLayout {
  const home = dirname(fileURLToPath(mainUrl));
  const bundled = existsSync(join(home, "runtime.js"));
  if (bundled)
    return {
      shared: {
        "@vextir/driver-runtime": pathToFileURL(join(home, "runtime.js")).href,
        zod: pathToFileURL(join(home, "zod.js")).href,
      },
      builtIn: (name) => join(home, "drivers", `${name}.js`),
    };
  return {
    shared: {
      "@vextir/driver-runtime": pathToFileURL(join(home, "..", "index.ts")).href,
      zod: import.meta.resolve("zod"),
    },
    builtIn: (name) => join(home, "..", "..", "drivers", name, "index.ts"),
  };
}

/**
 * Lets drivers import the runtime and zod without installing them, as the copies that the host uses: a schema or an error
 * made by another copy is not known by this one. What packages in `node_modules` import stays theirs.
 */
export function shareModules({ shared }: HostLayout): void {
  registerHooks({
    resolve(specifier, context, next) {
      const url = shared[specifier];
      if (url === undefined || context.parentURL?.includes("/node_modules/")) return next(specifier, context);
      return { url, shortCircuit: true };
    },
  });
}

/** Loads the driver that the file names. @throws DriverError `InvalidDriver`, saying what could not be loaded and why. */
export async function loadDriver(
  file: DriverFile,
  driverFilePath: string,
  layout: HostLayout,
  stripped?: string,
): Promise<DriverDefinition> {
  const path = modulePath(file, driverFilePath, layout);
  try {
    const url = pathToFileURL(path).href;
    if (file.source !== undefined) knowAsModule(url, path, stripped);
    const loaded: { default?: unknown } = await import(url);
    return definitionOf(loaded.default);
  } catch (cause) {
    throw new DriverError(
      "InvalidDriver",
      `driver "${file.name}": the module ${path} can't be run: ${explain(cause)}`,
      { cause },
    );
  }
}

function modulePath(file: DriverFile, driverFilePath: string, layout: HostLayout): string {
  const { name, module, source } = file;
  if (source !== undefined) return join(dirname(driverFilePath), source);
  if (module === undefined)
    throw new DriverError(
      "InvalidDriver",
      `driver "${name}": neither spec.module nor spec.source says what to run`,
    );
  if (isAbsolute(module) || !DriverName.safeParse(module).success) return existing(name, resolve(module));
  const path = layout.builtIn(module);
  if (existsSync(path)) return path;
  throw new DriverError(
    "InvalidDriver",
    `driver "${name}": there is no built-in module "${module}"; a path in the image begins with "/" or "./"`,
  );
}

function existing(driver: string, path: string): string {
  if (existsSync(path)) return path;
  throw new DriverError("InvalidDriver", `driver "${driver}": spec.module: there is no file ${path}`);
}

/** An inline source is an ES module, whatever package.json it lies under; types are stripped from TypeScript. */
function knowAsModule(url: string, path: string, stripped: string | undefined): void {
  const format = /^\.m?ts$/.test(extname(path)) ? "module-typescript" : "module";
  // A ConfigMap's files are symbolic links: what is loaded has another URL.
  let real = url;
  registerHooks({
    resolve(specifier, context, next) {
      const resolved = next(specifier, context);
      if (specifier !== url) return resolved;
      real = resolved.url;
      return { ...resolved, format };
    },
    load(loaded, context, next) {
      if (stripped === undefined || loaded !== real) return next(loaded, context);
      return { format: "module", source: stripped, shortCircuit: true };
    },
  });
}

function explain(cause: unknown): string {
  const { code, message } = cause as Error & { code?: string };
  if (code === "ERR_MODULE_NOT_FOUND" || code === "MODULE_NOT_FOUND")
    return `${message}. An inline source may import "@vextir/driver-runtime", "zod" and Node's own modules`;
  if (code === "ERR_UNSUPPORTED_TYPESCRIPT_SYNTAX")
    return `${message}. Types are stripped, not compiled: decorators, enums and parameter properties need defineDriver({...}) or an image with the compiled code`;
  return message ?? String(cause);
}
