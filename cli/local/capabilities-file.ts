import { type ExplainDriverOptions, explainDriver } from "@vextir/operator/explain/explain-driver.ts";
import type { Explanation } from "@vextir/operator/explain/explanation.ts";
import { KINDS } from "@vextir/operator/kinds.ts";
import { LocalError } from "./local-error.ts";
import { writeAtomically } from "./state/atomic-file.ts";
import { readRunning } from "./state/running-file.ts";

/** Keeps a file of what every driver may do, for `vextir capabilities`. */
export class CapabilitiesFile {
  readonly #path: string;
  readonly #options: ExplainDriverOptions;
  #last = "";
  #isStale = false;
  #writing: Promise<void> | undefined;

  constructor(path: string, options: ExplainDriverOptions) {
    this.#path = path;
    this.#options = options;
  }

  /** Something changed. What changes while it is being written is written afterwards. */
  refresh(): void {
    this.#isStale = true;
    this.#writing ??= this.#write().finally(() => {
      this.#writing = undefined;
    });
  }

  /** Resolves when what changed until now is written. */
  async flush(): Promise<void> {
    await this.#writing;
  }

  /** Never rejects: the next change tries again. */
  async #write(): Promise<void> {
    while (this.#isStale) {
      this.#isStale = false;
      try {
        const text = JSON.stringify(await this.#explanations());
        if (text !== this.#last) await writeAtomically(this.#path, text);
        this.#last = text;
      } catch {
        this.#last = "";
      }
    }
  }

  async #explanations(): Promise<Explanation[]> {
    const drivers = await this.#options.cluster.list(KINDS.Driver);
    const explained: Explanation[] = [];
    for (const { metadata } of drivers) {
      const { namespace = "", name } = metadata;
      const one = await explainDriver(this.#options, { namespace, name });
      if (one) explained.push(one);
    }
    return explained;
  }
}

/** @throws LocalError `NotRunning` when no local mode runs on that state; `NotFound` when it has no such Driver. */
export async function readCapabilities(state: string, namespace: string, name: string): Promise<Explanation> {
  const all = (await readRunning(state, "capabilities")) as Explanation[];
  const found = all.find((one) => one.namespace === namespace && one.name === name);
  if (found) return found;
  const known = all.map((one) => (one.namespace === namespace ? one.name : `${one.namespace}/${one.name}`));
  throw new LocalError(
    "NotFound",
    `there is no Driver ${name} in namespace ${namespace}; there are: ${known.join(", ") || "none"}`,
  );
}
