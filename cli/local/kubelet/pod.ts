import { existsSync } from "node:fs";
import { mkdir, rm } from "node:fs/promises";
import { setTimeout as pause } from "node:timers/promises";
import { POD_ENV, POD_PATHS } from "@vextir/api";
import type { Container, PodTemplate, Probe } from "@vextir/operator/workloads.ts";
import type { Exit, Processes, RunningProcess } from "../processes/processes.ts";
import { timestamp } from "../store/stored-object.ts";
import { commandOf, type DriverImage, mountsOf, temporaryFolder, volumeFolder } from "./container.ts";
import { containerEnvironment, type EnvironmentSources, portVariables, rewritePath } from "./environment.ts";
import { PodError } from "./pod-error.ts";
import { INITIAL_STATE, type PodState } from "./pod-state.ts";
import { freePort } from "./ports.ts";
import { watchProbe } from "./probe.ts";
import { materialize, TOKEN_SECONDS, type VolumeSources } from "./volumes.ts";

const FIRST_BACKOFF_MS = 500;
const MAX_BACKOFF_MS = 30_000;
/** A container that ran this long is started again as if it had never failed. */
const STABLE_MS = 60_000;
/** What is missing is looked for this often. */
const RETRY_MS = 1_000;
/** Share of a token's life after which it is renewed, as the kubelet does. */
const RENEW_SHARE = 0.8;
/** Of the last lines of the output that explain an exit; as with `terminationMessagePolicy: FallbackToLogsOnError`. */
const MAX_MESSAGE = 4_096;
const DEFAULT_GRACE_SECONDS = 30;

export interface PodOptions {
  namespace: string;
  name: string;
  uid: string;
  template: PodTemplate;
  /** The pod's own folder; made and removed by the pod. */
  folder: string;
  image: DriverImage;
  processes: Processes;
  sources: Omit<VolumeSources & EnvironmentSources, "mounts" | "ports">;
  onLine: (line: string, stream: "stdout" | "stderr") => void;
  /** Something that people should know: it crashed, it can't start. */
  onNote: (message: string) => void;
  changed: () => void;
}

/** A pod of one container: keeps its process running, its volumes and tokens fresh, and knows whether it is ready. */
export class LocalPod {
  readonly options: PodOptions;
  #state = INITIAL_STATE;
  #ports: ReadonlyMap<number, number> = new Map();
  #stopping = new AbortController();
  #process: RunningProcess | undefined;
  #refresh = new AbortController();
  #lastLines: string[] = [];

  constructor(options: PodOptions) {
    this.options = options;
  }

  get state(): PodState {
    return this.#state;
  }

  /** This machine's port for a port of the container, by name or number; undefined while it is not known. */
  portOf(port: number | string): number | undefined {
    const named = this.#container.ports?.find(({ name }) => name === port);
    const number = named?.containerPort ?? (typeof port === "number" ? port : undefined);
    return number === undefined || !this.#process ? undefined : (this.#ports.get(number) ?? number);
  }

  /** Runs until terminated; then the process is gone, and so is the folder. */
  async run(): Promise<void> {
    const { signal } = this.#stopping;
    let backoffMs = FIRST_BACKOFF_MS;
    while (!signal.aborted) {
      const began = Date.now();
      const started = await this.#runOnce();
      if (signal.aborted) break;
      if (Date.now() - began > STABLE_MS) backoffMs = FIRST_BACKOFF_MS;
      await pause(started ? backoffMs : RETRY_MS, undefined, { signal }).catch(() => {});
      if (started) backoffMs = Math.min(backoffMs * 2, MAX_BACKOFF_MS);
    }
    await rm(this.options.folder, { recursive: true, force: true });
  }

  /** SIGTERM, then SIGKILL after the pod's grace period. `run` resolves when it is done. */
  terminate(): void {
    if (this.#stopping.signal.aborted) return;
    this.#set({ phase: "Terminating", ready: false });
    this.#stopping.abort();
    const graceSeconds = this.options.template.spec.terminationGracePeriodSeconds ?? DEFAULT_GRACE_SECONDS;
    this.#process?.stop(graceSeconds * 1_000).catch(() => {});
  }

  /** Brings the volumes up to date soon: something that they hold has changed. */
  refresh(): void {
    this.#refresh.abort();
  }

  get #container(): Container {
    return this.options.template.spec.containers[0] as Container;
  }

  /** Answers whether the process was started at all. */
  async #runOnce(): Promise<boolean> {
    const began = new AbortController();
    try {
      const process = await this.#start();
      this.#watch(began.signal);
      const exit = await process.exited;
      this.#exited(exit);
      return true;
    } catch (error) {
      this.#failed(error);
      return false;
    } finally {
      began.abort();
      this.#process = undefined;
    }
  }

  async #start(): Promise<RunningProcess> {
    const { folder, image, processes, sources, template, name, namespace, onLine } = this.options;
    const container = this.#container;
    await mkdir(temporaryFolder(folder), { recursive: true, mode: 0o700 });
    await this.#materialize();
    const mounts = mountsOf(container, folder);
    const variables = portVariables(container);
    this.#ports = new Map(
      await Promise.all(
        [...new Set(variables.values())].map(async (port) => [port, await freePort()] as const),
      ),
    );
    const ports = new Map(
      [...variables].map(([variable, port]) => [variable, this.#ports.get(port) ?? port]),
    );
    const inline = existsSync(rewritePath(POD_PATHS.sourceFile, mounts));
    const volumes = template.spec.volumes ?? [];
    const command = commandOf(container, volumes, image, { pod: folder, mounts }, inline);
    const env = {
      ...this.#baseEnvironment(),
      ...command.env,
      ...containerEnvironment(container, { ...sources, mounts, ports }),
      // Nobody else on the network is let in.
      [POD_ENV.listenHost]: "127.0.0.1",
    };
    if (this.#stopping.signal.aborted) throw new PodError("Config", "terminated before it started");
    this.#lastLines = [];
    const process = await processes.start({
      what: `pod ${namespace}/${name}`,
      ...command,
      env,
      onLine: (line, stream) => {
        this.#lastLines = [...this.#lastLines.slice(-9), line];
        onLine(line, stream);
      },
    });
    this.#process = process;
    if (this.#stopping.signal.aborted) process.kill();
    else this.#set({ phase: "Running", startedAt: timestamp(Date.now()) });
    return process;
  }

  /** Nothing of this process's environment but what any program needs: it may hold secrets. */
  #baseEnvironment(): Record<string, string> {
    const temporary = temporaryFolder(this.options.folder);
    const inherited = ["PATH", "LANG", "TZ"].flatMap((name) => {
      const value = process.env[name];
      return value === undefined ? [] : [[name, value] as const];
    });
    return {
      ...Object.fromEntries(inherited),
      HOME: temporary,
      TMPDIR: temporary,
      HOSTNAME: this.options.name,
    };
  }

  async #materialize(): Promise<void> {
    const { folder, sources, template } = this.options;
    for (const volume of template.spec.volumes ?? [])
      await materialize(volume, volumeFolder(folder, volume.name), sources);
  }

  #watch(signal: AbortSignal): void {
    const { readinessProbe, livenessProbe } = this.#container;
    const ready = (passes: boolean) => {
      if (this.#state.phase === "Running") this.#set({ ready: passes });
    };
    if (readinessProbe) this.#probe(readinessProbe, ready, signal);
    else ready(true);
    if (livenessProbe) this.#probe(livenessProbe, (lives) => lives || this.#notAlive(), signal);
    this.#keepFresh(signal).catch(() => {});
  }

  #probe(probe: Probe, changed: (passes: boolean) => void, signal: AbortSignal): void {
    const port = this.portOf(probe.httpGet?.port ?? 0);
    if (port !== undefined) watchProbe(probe, port, changed, signal).catch(() => {});
  }

  #notAlive(): void {
    this.options.onNote("no longer answers its liveness probe: it is started again");
    this.#process?.kill();
  }

  /** Renews tokens before they expire, and whatever else the volumes hold when it changes. */
  async #keepFresh(signal: AbortSignal): Promise<void> {
    let waitMs = this.#renewalMs();
    while (!signal.aborted) {
      this.#refresh = new AbortController();
      await pause(waitMs, undefined, { signal: AbortSignal.any([signal, this.#refresh.signal]) }).catch(
        () => {},
      );
      if (signal.aborted) return;
      waitMs = await this.#materialize().then(
        () => this.#renewalMs(),
        () => RETRY_MS,
      );
    }
  }

  #renewalMs(): number {
    const projections = (this.options.template.spec.volumes ?? []).flatMap(
      ({ projected }) => projected?.sources ?? [],
    );
    const lives = projections.flatMap(({ serviceAccountToken: token }) =>
      token ? [token.expirationSeconds ?? TOKEN_SECONDS] : [],
    );
    return Math.min(...lives, TOKEN_SECONDS) * 1_000 * RENEW_SHARE;
  }

  #exited({ code, signal }: Exit): void {
    if (this.#stopping.signal.aborted) return;
    const how = signal ? `was ended by ${signal}` : `exited with code ${code}`;
    const why = this.#lastLines.join("\n").slice(-MAX_MESSAGE);
    this.options.onNote(`${how}; it is started again`);
    this.#set({
      phase: "Waiting",
      reason: "CrashLoopBackOff",
      message: how,
      ready: false,
      restarts: this.#state.restarts + 1,
      last: {
        exitCode: code ?? 137,
        reason: code === 0 ? "Completed" : "Error",
        message: why,
        finishedAt: timestamp(Date.now()),
      },
    });
  }

  #failed(error: unknown): void {
    if (this.#stopping.signal.aborted) return;
    const { message } = error as Error;
    const reason = !(error instanceof PodError)
      ? "CreateContainerError"
      : { Config: "CreateContainerConfigError", Image: "ErrImageNeverPull" }[error.code];
    if (this.#state.message !== message) this.options.onNote(`can't start: ${message}`);
    this.#set({ phase: "Waiting", reason, message, ready: false });
  }

  #set(change: Partial<PodState>): void {
    const { reason: _reason, message: _message, ...rest } = this.#state;
    this.#state = { ...rest, ...change };
    this.options.changed();
  }
}
