import { afterAll, beforeAll, beforeEach, expect, test } from "@jest/globals";
import type { KubeObject } from "@vextir/api";
import { EventRecorder } from "../../../operator/kube/event-recorder.ts";
import { openKubeApi } from "../../../operator/kube/index.ts";
import { ManualTiming } from "../../../operator/timing.ts";
import { eventually } from "../../fixtures/eventually.ts";
import { type ApiServer, startApiServer } from "../../fixtures/kube.ts";
import { silent } from "../../fixtures/kube-cluster.ts";

let server: ApiServer;
let namespace: string;
let about: KubeObject;
beforeAll(async () => {
  server = await startApiServer();
});
afterAll(() => server?.stop());
beforeEach(async () => {
  namespace = await server.namespace();
  const made = await server.request("POST", `/api/v1/namespaces/${namespace}/configmaps`, {
    metadata: { name: "thing" },
  });
  about = { ...made.body, apiVersion: "v1", kind: "ConfigMap" };
});

interface Seen {
  reason: string;
  note: string;
  type: string;
  regarding: { name: string; uid: string };
  series?: { count: number };
}
const events = async (): Promise<Seen[]> =>
  (await server.request("GET", `/apis/events.k8s.io/v1/namespaces/${namespace}/events`)).body.items;

async function recorder(timing = new ManualTiming()) {
  const { api } = await openKubeApi({ kubeconfig: server.kubeconfig });
  return { timing, recorder: new EventRecorder({ api, log: silent, timing }), close: () => api.close() };
}

const warning = (message: string) => ({ about, type: "Warning" as const, reason: "Refused", message });

test("an event names the object, and repetitions are counted in it", async () => {
  const { recorder: events_, timing, close } = await recorder();
  events_.record(warning("no such module"));
  const [first] = await eventually(async () => (await events()).length === 1 && (await events()));
  expect(first).toMatchObject({
    type: "Warning",
    reason: "Refused",
    note: "no such module",
    regarding: { name: "thing", uid: about.metadata.uid },
  });
  for (let i = 0; i < 99; i++) events_.record(warning("no such module"));
  await eventually(async () => ((await events())[0]?.series?.count ?? 0) >= 2);
  await eventually(async () => {
    await timing.advance(60_000);
    return (await events())[0]?.series?.count === 100;
  });
  const written = (await server.writes()).filter((w) => w.namespace === namespace && w.resource === "events");
  expect(written.length).toBeLessThanOrEqual(4);
  expect(await events()).toHaveLength(1);
  await events_.stop();
  close();
});

test("an object that brings forth ever new events is stopped", async () => {
  const { recorder: events_, close } = await recorder();
  for (let i = 0; i < 200; i++) events_.record(warning(`failure ${i}`));
  await eventually(async () => (await events()).length === 25);
  expect(events_.dropped).toBe(175);
  await events_.stop();
  close();
});

test("a message that is too long is cut, and kubectl's view has it", async () => {
  const { recorder: events_, close } = await recorder();
  events_.record(warning("ü".repeat(2_000)));
  const [event] = await eventually(async () => (await events()).length === 1 && (await events()));
  expect(Buffer.byteLength(event?.note ?? "")).toBeLessThanOrEqual(1_024);
  const core = await server.request("GET", `/api/v1/namespaces/${namespace}/events`);
  expect(core.body.items[0].involvedObject).toMatchObject({ kind: "ConfigMap", name: "thing" });
  await events_.stop();
  close();
});

test("what the server refuses, and a server that is away, harm nobody", async () => {
  const { recorder: events_, close } = await recorder();
  events_.record({
    ...warning("lost"),
    about: { ...about, metadata: { name: "thing", namespace: "nowhere" } },
  });
  await eventually(() => events_.dropped === 1);
  events_.record(warning("still works"));
  await eventually(async () => (await events()).some(({ note }) => note === "still works"));
  close();
  await events_.stop();
  events_.record(warning("after the end"));
});
