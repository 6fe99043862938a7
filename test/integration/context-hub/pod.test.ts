/** The driver as its README's manifest runs it: a pod of its own account, which may do what it is granted and nothing else. */
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "@jest/globals";
import { jetstream } from "@nats-io/jetstream";
import { headers } from "@nats-io/nats-core";
import { Capabilities, DriverSpec, POD_ENV, partitionOf, streams } from "@vextir/api";
import { parseYamlFile } from "@vextir/cli/local/folder/yaml-file.ts";
import type { ContextHub, Event } from "@vextir/driver-runtime";
import { ContextAccess } from "../../../driver-runtime/context/context.ts";
import { ofType, Recording, readEvent } from "../../../driver-runtime/testing/recording.ts";
import type { Home } from "../../fixtures/database-home.ts";
import { DriverProcess } from "../../fixtures/driver-process.ts";
import { eventually } from "../../fixtures/eventually.ts";
import { NAMESPACE, startBus, type TestBus } from "../../fixtures/nats.ts";
import { HubWorld, homes } from "./world.ts";

const PAGE = join(import.meta.dirname, "../../../drivers/context-hub/README.md");
const NAME = "context-hub";
const REQUESTS = 40;

let bus: TestBus;
let reports: ReturnType<TestBus["acceptReports"]>;
let admin: Awaited<ReturnType<TestBus["admin"]>>;
let events: Recording<Event>;
let home: Home;
let hub: HubWorld;
let folder: string;
let spec: DriverSpec;
let onlooker: ContextHub;
const pods: DriverProcess[] = [];

beforeAll(async () => {
  const [, yaml = ""] = /```yaml\n([\s\S]*?)```/.exec(await readFile(PAGE, "utf8")) ?? [];
  const [written] = parseYamlFile("README.md", yaml).objects;
  spec = DriverSpec.parse((written?.object as { spec?: unknown })?.spec);
  bus = await startBus();
  reports = bus.acceptReports();
  admin = await bus.admin();
  events = new Recording(admin.jetstream, streams.events, readEvent);
  home = await (homes["PGlite"] as () => Promise<Home>)();
  hub = await HubWorld.start(await home.open("pod"), "pod");
  folder = await mkdtemp(join(tmpdir(), "vextir-pod-"));
  await writeFile(join(folder, "token"), await hub.tokens.pod(NAMESPACE, NAME));
  hub.policy.grants.set(`${NAMESPACE}/${NAME}`, spec.capabilities.context);
  onlooker = new ContextAccess({
    file: { name: NAME, capabilities: Capabilities.parse(spec.capabilities) },
    address: { url: `http://${hub.target.address}`, tokenFile: join(folder, "token") },
  }).on({ eventId: "the onlooker's" });
});
afterAll(async () => {
  await Promise.all(pods.map((pod) => pod.stop("SIGKILL")));
  await admin?.connection.close();
  await reports?.stop();
  await bus?.stop();
  await hub?.stop();
  await home?.remove();
  await rm(folder, { recursive: true, force: true });
});

async function start(): Promise<DriverProcess> {
  const pod = await DriverProcess.start(bus, {
    ...{ name: NAME, class: "Tool", module: spec.module ?? "" },
    config: { summaries: [{ name: "profile", collections: ["notes"], debounce: "1s" }] },
    subscriptions: spec.subscriptions.map((one) => ({
      ...one,
      delivery: { ...one.delivery, ackWait: "2s", maxDeliver: 50, backoff: ["50ms"] },
    })),
    capabilities: spec.capabilities,
    env: {
      [POD_ENV.hubUrl]: `http://${hub.target.address}`,
      [POD_ENV.hubTokenFile]: join(folder, "token"),
    },
  });
  pods.push(pod);
  return pod.ready();
}

async function publish(type: string, id: string, data: object): Promise<void> {
  const head = headers();
  const attributes = { specversion: "1.0", id, source: "/test", type, userid: "anna" };
  for (const [name, value] of Object.entries(attributes)) head.set(`ce-${name}`, value);
  const subject = `evt.gateway.${partitionOf(id)}.${type}`;
  await jetstream(admin.connection).publish(subject, JSON.stringify(data), { headers: head });
}

/** Of this type so far, each id once, as a consumer of events would take them. */
async function told(type: string): Promise<Event<Record<string, unknown>>[]> {
  const all = await events.first(0, 60_000, ofType(type), type);
  return [...new Map(all.map((one) => [one.id, one])).values()] as Event<Record<string, unknown>>[];
}
const completed = async () => (await told("context.document.completed")).map(({ data }) => data);

test("a pod that is killed in the midst of requests is made up for: each is done once and answered once", async () => {
  const doomed = await start();
  const note = (content: string) => ({ collection: "notes", content });
  const { id: documentId } = await onlooker.create({ ...note("version 0"), user: "anna" });
  for (let i = 0; i < REQUESTS; i++) {
    await publish("context.document.create", `create-${i}`, note(`Note number ${i}.`));
    await publish("context.document.update", `update-${i}`, {
      documentId,
      ...note(`version of update-${i}`),
    });
  }
  await eventually(async () => (await completed()).length > REQUESTS / 4);
  await doomed.stop("SIGKILL");
  await start();
  await eventually(
    async () => new Set((await completed()).map((one) => one["requestId"])).size === 2 * REQUESTS,
  );
  const answers = await completed();
  expect(answers).toHaveLength(2 * REQUESTS);
  expect(answers.every((one) => one["changed"] === true)).toBe(true);
  const created = answers.filter((one) => one["operation"] === "create").map((one) => one["documentId"]);
  expect(new Set(created).size).toBe(REQUESTS);
  const { revisions } = await onlooker.history(documentId, { pageSize: 200 });
  const causes = revisions.map(({ provenance }) => provenance.eventId);
  expect(causes.toSorted()).toEqual(
    ["the onlooker's", ...Array.from({ length: REQUESTS }, (_, i) => `update-${i}`)].toSorted(),
  );
});

test("what is granted there suffices for summaries, too", async () => {
  const [summary] = await eventually(async () => {
    const made = await told("context.synthesis.updated");
    return made.length > 0 && made;
  });
  expect(summary).toMatchObject({ publisher: NAME, data: { summary: "profile", userId: "anna" } });
});
