import { mkdtemp, rename, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** Whom this process trusts as the bus, in a file that the client reads at every connect. */
export class Trust {
  readonly file: string;
  readonly #folder: string;
  #pem: string;

  private constructor(folder: string, pem: string) {
    this.#folder = folder;
    this.file = join(folder, "ca.crt");
    this.#pem = pem;
  }

  static async open(pem: string): Promise<Trust> {
    const trust = new Trust(await mkdtemp(join(tmpdir(), "vextir-")), pem);
    await writeFile(trust.file, pem);
    return trust;
  }

  get pem(): string {
    return this.#pem;
  }

  async use(pem: string): Promise<void> {
    if (pem === this.#pem) return;
    // Whole at any moment: it may be read at any moment.
    await writeFile(`${this.file}.new`, pem);
    await rename(`${this.file}.new`, this.file);
    this.#pem = pem;
  }

  close(): Promise<void> {
    return rm(this.#folder, { recursive: true, force: true });
  }
}
