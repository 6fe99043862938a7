import { type ChildProcess, spawn } from "node:child_process";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import type { AddressInfo } from "node:net";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { natsServer } from "@vextir/tools";

const START_MS = 15_000;

/** A nats-server with JetStream and one account, on a port and in a folder of its own. */
export class NatsProcess {
  readonly url: string;
  readonly #program: string;
  readonly #folder: string;
  #child: ChildProcess | undefined;

  private constructor(program: string, folder: string, port: number) {
    this.#program = program;
    this.#folder = folder;
    this.url = `nats://127.0.0.1:${port}`;
  }

  static async start(): Promise<NatsProcess> {
    const folder = await mkdtemp(join(tmpdir(), "vextir-test-kit-"));
    const port = await freePort();
    const config = [
      `listen: "127.0.0.1:${port}"`,
      `jetstream { store_dir: ${JSON.stringify(join(folder, "jetstream"))}, max_file_store: 4GB }`,
      "max_payload: 8MB",
    ];
    await writeFile(join(folder, "nats.conf"), config.join("\n"));
    const server = new NatsProcess(await natsServer(), folder, port);
    await server.resume();
    return server;
  }

  /** Starts it again with what it has stored. */
  async resume(): Promise<void> {
    const child = spawn(this.#program, ["-c", join(this.#folder, "nats.conf")], {
      stdio: ["ignore", "ignore", "pipe"],
    });
    this.#child = child;
    await new Promise<void>((resolve, reject) => {
      const fail = (why: string) => reject(new Error(`nats-server ${this.#program} ${why}: ${said}`));
      const timer = setTimeout(() => fail("was not ready in time"), START_MS);
      let said = "";
      child.stderr?.on("data", (data: Buffer) => {
        said = (said + data.toString()).slice(-4_000);
        if (!said.includes("Server is ready")) return;
        clearTimeout(timer);
        resolve();
      });
      child.once("error", (error) => fail(error.message));
      child.once("exit", (code) => fail(`ended with ${code}`));
    });
  }

  /** Ends it; `SIGKILL` is a crash. What it has stored stays. */
  async halt(signal: "SIGTERM" | "SIGKILL" = "SIGTERM"): Promise<void> {
    const child = this.#child;
    this.#child = undefined;
    if (!child || child.exitCode !== null) return;
    const ended = new Promise((resolve) => child.once("exit", resolve));
    child.kill(signal);
    await ended;
  }

  /** Stops it where it stands (`SIGSTOP`), and lets it go on (`SIGCONT`). */
  signal(signal: "SIGSTOP" | "SIGCONT"): void {
    this.#child?.kill(signal);
  }

  /** Ends it and removes what it has stored. */
  async remove(): Promise<void> {
    await this.halt();
    await rm(this.#folder, { recursive: true, force: true });
  }
}

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}
