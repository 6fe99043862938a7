import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";

type Collect = (options: { type: "major"; execution: "sync"; flavor: "last-resort" }) => void;

/** After the first requests and events have been through. */
const SETTLED_MS = 1_000;

/**
 * Gives back once what only the start needed: a tenth of an idle driver's memory (73 -> 66 MiB, in 30 ms), which V8 keeps
 * for good in a process that does nothing. Node has no other way to ask for it.
 */
export function releaseStartupMemory(): void {
  setTimeout(() => {
    setFlagsFromString("--expose-gc");
    const collect = runInNewContext("gc") as Collect;
    setFlagsFromString("--no-expose-gc");
    collect({ type: "major", execution: "sync", flavor: "last-resort" });
  }, SETTLED_MS).unref();
}
