import { afterAll, beforeAll, beforeEach, expect, test } from "@jest/globals";
import { LeaderElection, openKubeApi } from "../../../operator/kube/index.ts";
import { eventually } from "../../fixtures/eventually.ts";
import { type ApiServer, startApiServer } from "../../fixtures/kube.ts";
import { silent } from "../../fixtures/kube-cluster.ts";
import { wayTo } from "../../fixtures/kube-way.ts";

let server: ApiServer;
let namespace: string;
beforeAll(async () => {
  server = await startApiServer();
});
afterAll(() => server?.stop());
beforeEach(async () => {
  namespace = await server.namespace();
});

/** As client-go's defaults, more than twice as fast. */
const times = { leaseDurationMs: 6_000, renewDeadlineMs: 4_000, retryPeriodMs: 600 };

/** A replica that writes down when it worked. */
async function replica(identity: string, kubeconfig = server.kubeconfig) {
  const { api } = await openKubeApi({ kubeconfig });
  const election = new LeaderElection({ api, namespace, name: "operator", identity, log: silent, ...times });
  const stop = new AbortController();
  const worked: { from: number; to: number } = { from: Number.NaN, to: Number.NaN };
  const ended = election.run(
    {
      onStarted() {
        worked.from = performance.now();
      },
      async onStopped() {
        // Work that takes a moment to end.
        await new Promise((resolve) => setTimeout(resolve, 100));
        worked.to = performance.now();
      },
    },
    stop.signal,
  );
  return { election, worked, stop: () => stop.abort(), ended, close: () => api.close() };
}

const lease = async () =>
  (await server.request("GET", `/apis/coordination.k8s.io/v1/namespaces/${namespace}/leases/operator`)).body;

test("one leads; when it stops, another follows at once and its work never overlaps", async () => {
  const a = await replica("a");
  await eventually(() => a.election.leading);
  const b = await replica("b");
  await eventually(async () => (await lease()).spec.renewTime > (await lease()).spec.acquireTime);
  expect(b.election.leading).toBe(false);
  a.stop();
  expect(await a.ended).toBe("stopped");
  await eventually(() => b.election.leading);
  expect(b.worked.from).toBeGreaterThan(a.worked.to);
  expect((await lease()).spec).toMatchObject({ holderIdentity: "b", leaseTransitions: 2 });
  b.stop();
  await b.ended;
  expect((await lease()).spec.holderIdentity ?? "").toBe("");
});

test("a leader that is cut off ends its work before another begins", async () => {
  const way = await wayTo(server.url);
  const a = await replica("a", await server.kubeconfigFor(undefined, way.url));
  await eventually(() => a.election.leading);
  const b = await replica("b");
  way.block();
  expect(await a.ended).toBe("lost");
  expect(a.election.leading).toBe(false);
  await eventually(() => b.election.leading);
  expect(b.worked.from).toBeGreaterThan(a.worked.to);
  b.stop();
  await b.ended;
  a.close();
  await way.close();
});

test("a leader that hangs knows at once, when it goes on, that it may write no more", async () => {
  const a = await replica("a");
  await eventually(() => a.election.leading);
  const end = performance.now() + times.renewDeadlineMs + 100;
  while (performance.now() < end);
  expect(a.election.leading).toBe(false);
  a.stop();
  await a.ended;
});

test("a lease that somebody else took is lost", async () => {
  const a = await replica("a");
  await eventually(() => a.election.leading);
  const path = `/apis/coordination.k8s.io/v1/namespaces/${namespace}/leases/operator`;
  await server.request("MERGE", path, { spec: { holderIdentity: "thief" } });
  expect(await a.ended).toBe("lost");
});

test("one write of somebody who leaves the holder alone is no loss", async () => {
  const a = await replica("a");
  await eventually(() => a.election.leading);
  const path = `/apis/coordination.k8s.io/v1/namespaces/${namespace}/leases/operator`;
  const { body } = await server.request("MERGE", path, { metadata: { labels: { seen: "yes" } } });
  await eventually(async () => (await lease()).spec.renewTime > body.spec.renewTime);
  expect(a.election.leading).toBe(true);
  a.stop();
  expect(await a.ended).toBe("stopped");
  expect((await lease()).metadata.labels).toEqual({ seen: "yes" });
});

test("the server is away for longer than the lease: one of the replicas leads again", async () => {
  const replicas = [await replica("a"), await replica("b")];
  const [first] = replicas;
  await eventually(() => replicas.some(({ election }) => election.leading));
  await server.kill();
  await eventually(() => replicas.every(({ election }) => !election.leading));
  await server.start();
  await eventually(() => replicas.some(({ election }) => election.leading));
  expect(first).toBeDefined();
  for (const { stop, ended } of replicas) {
    stop();
    await ended;
  }
});

test("what the work throws at its start comes back, and the lease is given away", async () => {
  const { api } = await openKubeApi({ kubeconfig: server.kubeconfig });
  const election = new LeaderElection({
    api,
    namespace,
    name: "operator",
    identity: "a",
    log: silent,
    ...times,
  });
  const cause = new Error("no bus");
  const run = election.run({ onStarted: () => Promise.reject(cause) }, new AbortController().signal);
  await expect(run).rejects.toBe(cause);
  expect((await lease()).spec.holderIdentity ?? "").toBe("");
});

test("after a loss, work that does not end is not waited for longer than others wait", async () => {
  const { api } = await openKubeApi({ kubeconfig: server.kubeconfig });
  const election = new LeaderElection({
    api,
    namespace,
    name: "operator",
    identity: "a",
    log: silent,
    ...times,
  });
  const stuck = { onStarted() {}, onStopped: () => new Promise<void>(() => {}) };
  const run = election.run(stuck, new AbortController().signal);
  await eventually(() => election.leading);
  const path = `/apis/coordination.k8s.io/v1/namespaces/${namespace}/leases/operator`;
  await server.request("MERGE", path, { spec: { holderIdentity: "thief" } });
  expect(await run).toBe("lost");
});

test("times that would let two lead are refused", async () => {
  const { api } = await openKubeApi({ kubeconfig: server.kubeconfig });
  const wrong = {
    api,
    namespace,
    name: "operator",
    log: silent,
    leaseDurationMs: 5_000,
    renewDeadlineMs: 5_000,
  };
  expect(() => new LeaderElection(wrong)).toThrow(RangeError);
});
