// The process of a driver's pod. Everything else is imported after the compile cache is on.
import { enableCompileCache } from "node:module";
import { stripInlineSource } from "./strip-types.ts";

enableCompileCache();
const stripped = stripInlineSource(process.env);
const { layoutOf } = await import("./load-module.ts");
const { runProcess } = await import("./process.ts");
process.exit(await runProcess(layoutOf(import.meta.url), await stripped));
