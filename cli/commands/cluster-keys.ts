import { ClusterKeys, RotationBegun, RotationState } from "@vextir/api";
import { type ClusterOptions, type OperatorClient, withOperator } from "../cluster/operator-client.ts";
import { OperatorError } from "../cluster/operator-error.ts";

export interface RotateOptions extends ClusterOptions {
  namespace: string;
  /** Don't wait for the end. */
  wait?: boolean;
  pollMs?: number;
}

const WAIT_MS = 5 * 60_000;
const POLL_MS = 1_000;

/** `vextir keys rotate <what> [driver]`: text for the screen. @throws OperatorError, ClusterError */
export async function rotateClusterKeys(
  what: string | undefined,
  driver: string | undefined,
  options: RotateOptions,
): Promise<string> {
  const { path, states, body } = requestOf(what, driver, options.namespace);
  return withOperator(options, async (client) => {
    const { id, message, what: named } = RotationBegun.parse(await client.ask("POST", path, body));
    if (id === undefined || options.wait === false) return `${named}: begun; ${message}`;
    const { state, message: ended } = await end(client, `${states}/${id}`, options.pollMs ?? POLL_MS);
    if (state === "Refused") throw new OperatorError("Refused", `${named}: ${ended}`);
    return `${named}: ${ended || "done"}`;
  });
}

function requestOf(what: string | undefined, driver: string | undefined, namespace: string) {
  const tenant = `/v1/namespaces/${encodeURIComponent(namespace)}`;
  const states = `${tenant}/rotations`;
  if (what === "driver" && driver)
    return { path: `${tenant}/drivers/${encodeURIComponent(driver)}/keys:rotate`, states };
  if (what === "tenant") return { path: `${tenant}/keys:rotate`, states };
  const kind = ClusterKeys.safeParse(what);
  if (kind.success) return { path: "/v1/keys:rotate", states: "/v1/rotations", body: { kind: kind.data } };
  throw new OperatorError(
    "Refused",
    "keys rotate takes driver <name>, tenant, operator, master or authority; of a local mode, --state <folder>",
  );
}

async function end(client: OperatorClient, path: string, pollMs: number): Promise<RotationState> {
  const until = Date.now() + WAIT_MS;
  for (;;) {
    const state = RotationState.parse(await client.ask("GET", path));
    if (state.state !== "Running") return state;
    if (Date.now() > until)
      throw new OperatorError(
        "Refused",
        `${state.what}: not done within five minutes (${state.message}); it goes on`,
      );
    await new Promise((resolve) => setTimeout(resolve, pollMs));
  }
}
