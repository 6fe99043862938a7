import { afterAll, beforeAll, expect, test } from "@jest/globals";
import { eventually } from "../../fixtures/eventually.ts";
import { type ApiProxy, startApiProxy } from "../cluster/forward.ts";
import { apply, get, isReady, kubectl, list } from "../cluster/kubectl.ts";
import { driversReady, SYSTEM, TENANT } from "../installation.ts";

const TARGET = `target.${TENANT}.svc.cluster.local:8080`;
const API = "kubernetes.default.svc.cluster.local";

/** Answers everything. */
const target = `
apiVersion: vextir.io/v1alpha1
kind: Driver
metadata: {name: target, namespace: ${TENANT}}
spec:
  class: IO
  ports: [{name: http, containerPort: 8080}]
  source:
    inline: |
      import { createServer } from "node:http";
      import { defineDriver } from "@vextir/driver-runtime";
      export default defineDriver({
        name: "target", version: "1.0.0", class: "IO",
        start(driver) {
          createServer((request, response) => response.end("reached " + request.headers.host)).listen(driver.port("http"));
        },
      });
`;

/** Goes where it is sent, by the proxy or past it, and tells what came of it. */
const traveller = (allowedHosts: readonly string[]) => `
apiVersion: vextir.io/v1alpha1
kind: Driver
metadata: {name: traveller, namespace: ${TENANT}}
spec:
  class: IO
  ports: [{name: http, containerPort: 8080}]
  capabilities: {allowedHosts: ${JSON.stringify(allowedHosts)}}
  source:
    inline: |
      import { createServer } from "node:http";
      import { connect } from "node:net";
      import { defineDriver } from "@vextir/driver-runtime";
      const direct = (host, port) => new Promise((resolve) => {
        const socket = connect({ host, port, timeout: 3000 });
        const end = (outcome) => { socket.destroy(); resolve({ outcome }); };
        socket.once("connect", () => end("connected"));
        socket.once("timeout", () => end("nothing"));
        socket.once("error", (error) => end(error.code));
      });
      const go = (url) => fetch(url).then(async (a) => ({ text: await a.text() }), ({ code, message }) => ({ code, message }));
      export default defineDriver({
        name: "traveller", version: "1.0.0", class: "IO",
        start(driver) {
          createServer(async (request, response) => {
            const { searchParams: wish } = new URL(request.url, "http://traveller");
            const [host, port] = (wish.get("direct") ?? "").split(":");
            response.end(JSON.stringify(host ? await direct(host, Number(port)) : await go(wish.get("url"))));
          }).listen(driver.port("http"));
        },
      });
`;

const LISTED = [`private:${TARGET}`, API, "169.254.169.254:80"];

interface Outcome {
  text?: string;
  code?: string;
  message?: string;
  outcome?: string;
}

export function egress() {
  let api: ApiProxy;
  beforeAll(async () => {
    api = await startApiProxy();
    await apply(`${target}---${traveller(LISTED)}`);
    await driversReady("target", "traveller");
  });
  afterAll(async () => {
    await kubectl(
      "delete",
      "driver",
      "target",
      "traveller",
      "-n",
      TENANT,
      "--ignore-not-found",
      "--timeout=120s",
    );
    await api?.stop();
  });

  const ask = async (query: Record<string, string>): Promise<Outcome> => {
    const url = `${api.service(TENANT, "traveller:http")}/?${new URLSearchParams(query)}`;
    const answer = await fetch(url, { signal: AbortSignal.timeout(20_000) });
    return (await answer.json()) as Outcome;
  };

  /** Of every replica of the proxy, since any of them may have been asked. */
  const refusals = async (reason: string) => {
    const pods = (await list("pods", "-n", SYSTEM, "-l", "app.kubernetes.io/name=vextir-egress")).filter(
      isReady,
    );
    const pattern = new RegExp(
      `^vextir_egress_refusals_total\\{namespace="${TENANT}",driver="traveller",reason="${reason}"\\} (\\d+)$`,
      "m",
    );
    const counts = pods.map(async ({ metadata }) => {
      const path = `/api/v1/namespaces/${SYSTEM}/pods/${metadata.name}:9464/proxy/metrics`;
      return Number(pattern.exec(await kubectl("get", "--raw", path))?.[1] ?? 0);
    });
    return (await Promise.all(counts)).reduce((sum, count) => sum + count, 0);
  };

  test("a driver reaches what it lists, by the name that the cluster's DNS gives it", async () => {
    // A Service leads to its pods a moment after they are ready.
    const { text } = await eventually(async () => {
      const outcome = await ask({ url: `http://${TARGET}/` });
      return outcome.text !== undefined && outcome;
    }, "the target");
    expect(text).toBe(`reached ${TARGET}`);
  });

  const table = [
    {
      reason: "NotGranted",
      what: "what it does not list",
      url: "https://example.org/",
      says: '["example.org"]',
    },
    {
      reason: "NotGranted",
      what: "another port",
      url: `http://${TARGET.replace("8080", "9464")}/`,
      says: ":9464",
    },
    {
      reason: "PrivateAddress",
      what: "a listed name with a private address",
      url: `https://${API}/`,
      says: "private:",
    },
    {
      reason: "ForbiddenAddress",
      what: "a node's metadata, listed",
      url: "http://169.254.169.254/",
      says: "nobody",
    },
  ];
  test.each(table)(
    "$what is refused ($reason), said to its code and counted",
    async ({ reason, url, says }) => {
      const before = await refusals(reason);
      const { code, message } = await ask({ url });
      expect(code).toBe("NotGranted");
      expect(message).toContain(says);
      expect(await refusals(reason)).toBe(before + 1);
    },
  );

  test("the loss of a proxy is not noticed", async () => {
    const [pod] = await list("pods", "-n", SYSTEM, "-l", "app.kubernetes.io/name=vextir-egress");
    await kubectl("delete", "pod", pod?.metadata.name ?? "", "-n", SYSTEM, "--wait=false");
    for (let n = 0; n < 20; n++) expect((await ask({ url: `http://${TARGET}/` })).text).toBeDefined();
    await kubectl("rollout", "status", "deployment/vextir-egress", "-n", SYSTEM, "--timeout=120s");
  });

  test("what is no longer listed is no longer reached", async () => {
    await apply(traveller(LISTED.slice(1)));
    const { code } = await eventually(async () => {
      const outcome = await ask({ url: `http://${TARGET}/` });
      return outcome.code === "NotGranted" && outcome;
    }, "a refusal");
    expect(code).toBe("NotGranted");
    await driversReady("traveller");
  });

  test("past the proxy nothing is reached, where the cluster's network enforces policies; else it is said that nobody knows", async () => {
    const { status } = await get("driver", "traveller", "-n", TENANT);
    const enforced = status.conditions.find(({ type }: { type: string }) => type === "EgressEnforced");
    const { spec } = await get("service", "target", "-n", TENANT);
    const { outcome } = await ask({ direct: `${spec.clusterIP}:8080` });
    if (enforced.status === "True") expect(outcome).not.toBe("connected");
    else expect(enforced).toMatchObject({ status: "Unknown", reason: "NotVerified" });
  });
}
