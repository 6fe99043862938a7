import { afterAll, beforeAll, expect, test } from "@jest/globals";
import { eventually } from "../../fixtures/eventually.ts";
import { crash } from "../cluster/crash.ts";
import { type ApiProxy, startApiProxy } from "../cluster/forward.ts";
import { apply, kubectl, list } from "../cluster/kubectl.ts";
import { driversReady, SYSTEM, TENANT } from "../installation.ts";

/**
 * Does in the hub what it is asked to: as the runtime lets it, or past the runtime, with its pod's token. Answers gRPC's status
 * then: 0 is "OK", 7 "permission denied".
 */
const scholar = (name: string, context: object[]) => `
apiVersion: vextir.io/v1alpha1
kind: Driver
metadata: {name: ${name}, namespace: ${TENANT}}
spec:
  class: IO
  ports: [{name: http, containerPort: 8080}]
  capabilities: {context: ${JSON.stringify(context)}}
  source:
    inline: |
      import { readFileSync } from "node:fs";
      import { createServer } from "node:http";
      import { connect } from "node:http2";
      import { defineDriver } from "@vextir/driver-runtime";
      const { VEXTIR_HUB_URL, VEXTIR_HUB_TOKEN_FILE, VEXTIR_HUB_CA_FILE } = process.env;
      const pastTheRuntime = () => {
        const session = connect(VEXTIR_HUB_URL, { ca: readFileSync(VEXTIR_HUB_CA_FILE) });
        const { promise, resolve, reject } = Promise.withResolvers();
        const call = session.once("error", reject).request({
          ":method": "POST", ":path": "/contexthub.v1.ContextHubService/ListDocuments",
          "content-type": "application/grpc", te: "trailers",
          authorization: "Bearer " + readFileSync(VEXTIR_HUB_TOKEN_FILE, "utf8"),
        });
        const told = (headers) => headers["grpc-status"] === undefined || resolve({ status: String(headers["grpc-status"]) });
        call.once("error", reject).once("response", told).once("trailers", told).resume();
        call.end(Buffer.alloc(5));
        return promise.finally(() => session.destroy());
      };
      export default defineDriver({
        name: "${name}", version: "1.0.0", class: "IO",
        start(driver) {
          const act = async (wish) => {
            if (wish.has("past")) return pastTheRuntime();
            if (wish.has("create")) return driver.context.create({ collection: "notes", user: "u", content: wish.get("create") });
            const found = await driver.context.search(wish.get("search"));
            return { found: found.map(({ passage }) => passage.text) };
          };
          createServer(async (request, response) => {
            const outcome = act(new URL(request.url, "http://scholar").searchParams);
            response.end(JSON.stringify(await outcome.catch(({ code, message }) => ({ code, message }))));
          }).listen(driver.port("http"));
        },
      });
`;

const ALL = [{ collection: "notes", verbs: ["read", "write", "search"], users: "All" }];
const NOTE = "The key to the shed hangs behind the blue door.";

interface Outcome {
  id?: string;
  found?: string[];
  status?: string;
  code?: string;
}

export function contextHub() {
  let api: ApiProxy;
  beforeAll(async () => {
    api = await startApiProxy();
    await apply(`${scholar("scholar", ALL)}---${scholar("stranger", [])}`);
    await driversReady("scholar", "stranger");
  });
  afterAll(async () => {
    const drivers = ["driver", "scholar", "stranger", "-n", TENANT];
    await kubectl("delete", ...drivers, "--ignore-not-found", "--timeout=120s");
    await api?.stop();
  });

  const ask = async (driver: string, query: Record<string, string>): Promise<Outcome> => {
    const url = `${api.service(TENANT, `${driver}:http`)}/?${new URLSearchParams(query)}`;
    const answer = await fetch(url, { signal: AbortSignal.timeout(30_000) });
    return (await answer.json()) as Outcome;
  };
  const found = () =>
    eventually(async () => {
      const { found: notes } = await ask("scholar", { search: "shed key" });
      return notes?.includes(NOTE);
    }, "the document");

  test("a pod of a driver with the grant writes a document there and finds it", async () => {
    await eventually(async () => (await ask("scholar", { create: NOTE })).id, "a document");
    await found();
    expect(await ask("scholar", { past: "" })).toEqual({ status: "0" });
  });

  test("one without is refused, by its runtime and by the hub itself", async () => {
    expect(await ask("stranger", { search: "shed" })).toMatchObject({ code: "NotGranted" });
    expect(await eventually(() => ask("stranger", { past: "" }), "the hub's word")).toEqual({ status: "7" });
  });

  test("the gateway tells that the hub answers", async () => {
    await eventually(async () => {
      const answer = await fetch(`${api.service(TENANT, "gateway:http")}/api/health`);
      return ((await answer.json()) as { hub?: { status: string } }).hub?.status === "ok";
    }, "its health");
  });

  test("killed, it comes back with what was written", async () => {
    const [pod] = await list("pods", "-n", SYSTEM, "-l", "app.kubernetes.io/name=vextir-hub");
    await crash(SYSTEM, pod?.metadata.name ?? "");
    await found();
    await kubectl("rollout", "status", "deployment/vextir-hub", "-n", SYSTEM, "--timeout=120s");
  });
}
