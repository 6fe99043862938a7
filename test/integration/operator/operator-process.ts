import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { eventually } from "../../fixtures/eventually.ts";
import { freePort } from "../../fixtures/free-port.ts";
import { BUILT_INS, SYSTEM, type World } from "./world.ts";

const MAIN = join(import.meta.dirname, "../../../operator/main.ts");

/** A replica of the operator as it runs in a container: a process that can be killed. */
export class OperatorProcess {
  readonly #world: World;
  readonly #pod: string;
  readonly #folder: string;
  readonly #healthPort: number;
  #child: ChildProcess | undefined;

  private constructor(world: World, pod: string, folder: string, healthPort: number) {
    this.#world = world;
    this.#pod = pod;
    this.#folder = folder;
    this.#healthPort = healthPort;
  }

  static async start(world: World, pod = "vextir-operator-0"): Promise<OperatorProcess> {
    const folder = await mkdtemp(join(tmpdir(), "vextir-operator-process-"));
    await writeFile(join(folder, "manifests.json"), JSON.stringify(Object.fromEntries(BUILT_INS)));
    const operator = new OperatorProcess(world, pod, folder, await freePort());
    operator.start();
    return operator;
  }

  start(): void {
    const env = {
      PATH: process.env["PATH"],
      KUBECONFIG: this.#world.kubeconfig,
      VEXTIR_NAMESPACE: SYSTEM,
      VEXTIR_POD: this.#pod,
      VEXTIR_LOG_LEVEL: process.env["VEXTIR_TEST_LOG"] ?? "fatal",
      VEXTIR_HEALTH_PORT: String(this.#healthPort),
      VEXTIR_DRIVER_IMAGE: "example.org/driver:1",
      VEXTIR_MANIFESTS_FILE: join(this.#folder, "manifests.json"),
      VEXTIR_BUS_URL: this.#world.nats.url,
    };
    this.#child = spawn(process.execPath, [MAIN], { env, stdio: ["ignore", "inherit", "inherit"] });
  }

  /** Waits until its metrics contain the line, `vextir_bus_online 1` for example. */
  async shows(metric: string): Promise<void> {
    await eventually(async () => {
      const answer = await fetch(`http://127.0.0.1:${this.#healthPort}/metrics`);
      return (await answer.text()).includes(metric);
    }, metric);
  }

  async kill(): Promise<void> {
    await this.#end("SIGKILL");
  }

  /** Asked to end, as by the kubelet. @returns its exit code. */
  end(): Promise<number | null | undefined> {
    return this.#end("SIGTERM");
  }

  async #end(signal: "SIGKILL" | "SIGTERM"): Promise<number | null | undefined> {
    const child = this.#child;
    this.#child = undefined;
    if (!child || child.exitCode !== null || child.signalCode !== null) return child?.exitCode;
    const ended = once(child, "exit");
    child.kill(signal);
    const [code] = await ended;
    return code;
  }

  /** Killed, and its Lease ended as its fifteen seconds would: the next one that starts leads at once. */
  async crash(): Promise<void> {
    await this.kill();
    const leases = `/apis/coordination.k8s.io/v1/namespaces/${SYSTEM}/leases`;
    await this.#world.api.request("DELETE", `${leases}/vextir-operator`);
  }

  async stop(): Promise<void> {
    await this.kill();
    await rm(this.#folder, { recursive: true, force: true });
  }
}
