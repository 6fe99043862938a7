import { ClusterKeys, type RotationBegun, type RotationState } from "@vextir/api";
import { z } from "zod";
import type { Letters } from "./letters.ts";
import { ApiProblem } from "./problem.ts";
import type { Route } from "./routes.ts";
import type { ToolDesk } from "./tool-desk.ts";

/** What rotates keys: any replica begins a rotation, the leader carries it out. Throws RotationError, ClusterError. */
export interface Rotations {
  begin(
    request:
      | { kind: "driver"; namespace: string; name: string }
      | { kind: "tenant"; namespace: string }
      | { kind: "operator" }
      | { kind: "master" },
  ): Promise<string>;
  status(): Promise<{
    rotation?: { id: string; what: string; phase: string };
    last?: { id: string; what: string; outcome: "Done" | "Refused"; message: string };
  }>;
}

export interface DeskOptions {
  /** Undefined: there is no such Driver. */
  explain: (driver: { namespace: string; name: string }) => Promise<unknown>;
  /** Undefined: it is not scaled, or not there. */
  scaling: (driver: { namespace: string; name: string }) => Promise<unknown>;
  rotations: Rotations;
  tools: Pick<ToolDesk, "list" | "call">;
  letters: Pick<Letters, "list" | "show" | "redrive" | "drop" | "replay">;
  /** Announces another authority. Undefined: somebody else makes the certificates. @returns false: a change is under way. */
  changeAuthority: (() => Promise<boolean>) | undefined;
}

export interface Answer {
  status: number;
  body: unknown;
}

const ClusterRotation = z.strictObject({ kind: ClusterKeys });

/** Does what was asked for by somebody who may. */
export class Desk {
  readonly #options: DeskOptions;

  constructor(options: DeskOptions) {
    this.#options = options;
  }

  /** @throws ApiProblem, RotationError, ClusterError */
  async serve(route: Route, body: unknown): Promise<Answer> {
    switch (route.action) {
      case "capabilities":
        return { status: 200, body: await this.#explain(route) };
      case "scaling":
        return { status: 200, body: await this.#scaling(route) };
      case "rotateDriver": {
        const { namespace, name } = route;
        const id = await this.#options.rotations.begin({ kind: "driver", namespace, name });
        return begun({ id, what: `driver ${namespace}/${name}`, message: RECONNECT });
      }
      case "rotateTenant": {
        const { namespace } = route;
        const id = await this.#options.rotations.begin({ kind: "tenant", namespace });
        return begun({ id, what: `tenant ${namespace}`, message: RECONNECT });
      }
      case "rotateCluster":
        return this.#rotateCluster(body);
      case "rotationState":
        return { status: 200, body: await this.#stateOf(route.id) };
      case "listLetters":
        return { status: 200, body: await this.#options.letters.list(route, route.query) };
      case "showLetter":
        return { status: 200, body: await this.#options.letters.show(route, route.sequence) };
      case "redriveLetters":
        return { status: 200, body: await this.#options.letters.redrive(route, body) };
      case "dropLetters":
        return { status: 200, body: await this.#options.letters.drop(route, body) };
      case "listTools":
        return { status: 200, body: await this.#options.tools.list(route) };
      case "callTool":
        return { status: 200, body: await this.#options.tools.call(route, route.method, body) };
      case "replay":
        return { status: 200, body: await this.#options.letters.replay(route, body) };
    }
  }

  async #explain(driver: { namespace: string; name: string }): Promise<unknown> {
    const explanation = await this.#options.explain(driver);
    if (explanation !== undefined) return explanation;
    throw new ApiProblem(
      "NotFound",
      `there is no Driver ${driver.namespace}/${driver.name}, or its spec can't be read`,
    );
  }

  async #scaling({ namespace, name }: { namespace: string; name: string }): Promise<unknown> {
    const report = await this.#options.scaling({ namespace, name });
    if (report !== undefined) return report;
    throw new ApiProblem("NotFound", `no Driver ${namespace}/${name} is scaled: it would need spec.scaling`);
  }

  async #rotateCluster(body: unknown): Promise<Answer> {
    const request = ClusterRotation.safeParse(body);
    if (!request.success)
      throw new ApiProblem("BadRequest", 'expected {"kind": "operator"}, "master" or "authority"');
    const { kind } = request.data;
    if (kind === "authority") return this.#changeAuthority();
    const id = await this.#options.rotations.begin({ kind });
    return begun({ id, what: kind, message: RECONNECT });
  }

  async #changeAuthority(): Promise<Answer> {
    const { changeAuthority } = this.#options;
    if (!changeAuthority)
      throw new ApiProblem("Busy", "the certificates are made by somebody else: change the issuer there");
    if (!(await changeAuthority()))
      throw new ApiProblem("Busy", "the authority is being changed already: it takes a day");
    return begun({
      what: "authority",
      message:
        "the next authority is trusted from now on, signs in an hour, and the one before is trusted for a day more",
    });
  }

  async #stateOf(id: string): Promise<RotationState> {
    const { rotation, last } = await this.#options.rotations.status();
    if (rotation?.id === id) return { id, what: rotation.what, state: "Running", message: rotation.phase };
    if (last?.id === id) return { id, what: last.what, state: last.outcome, message: last.message };
    throw new ApiProblem("NotFound", "there is no such rotation, or another one came after it");
  }
}

const RECONNECT = "connections get their new keys by themselves; nothing is lost";
const begun = (body: RotationBegun): Answer => ({ status: 202, body });
