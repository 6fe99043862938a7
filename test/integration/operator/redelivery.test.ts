import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import type { JetStreamManager } from "@nats-io/jetstream";
import { headers, type NatsConnection } from "@nats-io/transport-node";
import { DEAD_LETTER_HEADERS } from "@vextir/api";
import { dropLetters, listLetters, redriveLetters, showLetter } from "@vextir/cli/commands/dlq.ts";
import { replay } from "@vextir/cli/commands/replay.ts";
import { plainTemplate } from "../../fixtures/chart.ts";
import { eventually } from "../../fixtures/eventually.ts";
import { SYSTEM, World } from "./world.ts";

let world: World;
let namespace: string;
let tenant: { connection: NatsConnection; jetstream: JetStreamManager };
const lines: string[] = [];
const told: string[] = [];

beforeAll(async () => {
  world = await World.start({ logTo: lines });
  namespace = await world.api.namespace();
  for (const name of ["orders", "mail"])
    await world.apply(namespace, name, {
      class: "IO",
      module: "gateway",
      subscriptions: [{ types: ["order.*"] }],
    });
  for (const name of ["orders", "mail"]) await world.waitFor(namespace, name, "BusAccessReady", "True");
  await eventually(async () => world.operator?.apiPort, "the API is served");
  await eventually(() => world.get("v1", "configmaps", SYSTEM, "vextir-ca"), "whom to trust");
  await world.api.applyManifests(await plainTemplate("roles.yaml", SYSTEM));
  await person("viewer", "ClusterRole", "vextir-view");
  await person("editor", "ClusterRole", "vextir-edit");
  await world.api.request("POST", rbac("roles"), {
    metadata: { name: "orders-letters" },
    rules: [
      {
        apiGroups: ["vextir.io"],
        resources: ["drivers/deadletters"],
        resourceNames: ["orders"],
        verbs: ["get"],
      },
    ],
  });
  await person("clerk", "Role", "orders-letters");
  tenant = await world.tenant(namespace);
  // For the last test: the leader looks now and then.
  await exhaust("orders", "poison");
});
afterAll(async () => {
  await tenant?.connection.close();
  await world?.stop();
});

const rbac = (kind: string) => `/apis/rbac.authorization.k8s.io/v1/namespaces/${namespace}/${kind}`;

async function person(name: string, kind: string, role: string): Promise<void> {
  await world.api.token({ namespace, name });
  await world.api.request("POST", rbac("rolebindings"), {
    metadata: { name },
    roleRef: { kind, name: role, apiGroup: "rbac.authorization.k8s.io" },
    subjects: [{ kind: "ServiceAccount", name, namespace }],
  });
}

/** As the command line has them, for somebody of the namespace. */
const as = (who: string, change: object = {}) => ({
  ...{ namespace, kubeconfig: world.api.kubeconfig, serviceAccount: `${namespace}/${who}`, limit: 100 },
  server: `https://localhost:${world.operator?.apiPort}`,
  ...change,
});

/** What a driver's runtime and a publisher would put there. */
async function put(subject: string, data: string, fields: Record<string, string>): Promise<number> {
  const set = headers();
  for (const [name, value] of Object.entries(fields)) set.set(name, value);
  return (await tenant.connection.request(subject, data, { headers: set, timeout: 5_000 })).json<{
    seq: number;
  }>().seq;
}

async function deadLetter(driver: string, id: string): Promise<number> {
  const subject = "evt.shop.3.order.placed";
  const event = { "ce-specversion": "1.0", "ce-id": id, "ce-source": "/shop", "ce-type": "order.placed" };
  const sequence = await put(subject, `"${id}"`, event);
  return put(`dlq.${driver}.order.placed`, `"${id}"`, {
    ...event,
    [DEAD_LETTER_HEADERS.reason]: "Terminal",
    [DEAD_LETTER_HEADERS.error]: "no",
    [DEAD_LETTER_HEADERS.attempts]: "3",
    [DEAD_LETTER_HEADERS.subscription]: "default",
    [DEAD_LETTER_HEADERS.subject]: subject,
    [DEAD_LETTER_HEADERS.sequence]: String(sequence),
  });
}

/** What nats-server says when a driver has been given an event as often as it may, and never answered. */
async function exhaust(driver: string, id: string): Promise<void> {
  const event = { "ce-specversion": "1.0", "ce-id": id, "ce-source": "/shop", "ce-type": "order.lost" };
  const sequence = await put("evt.shop.3.order.lost", `"${id}"`, event);
  const about = { stream: "EVENTS", consumer: `${driver}_default`, stream_seq: sequence, deliveries: 15 };
  const subject = `$JS.EVENT.ADVISORY.CONSUMER.MAX_DELIVERIES.EVENTS.${driver}_default`;
  await put(subject, JSON.stringify({ id, timestamp: new Date().toISOString(), ...about }), {});
}

const directed = async () =>
  (await tenant.jetstream.streams.info("DIRECTED", { subjects_filter: ">" })).state.subjects ?? {};
const tell = (line: string) => void told.push(line);
const audited = () => lines.map((line) => JSON.parse(line)).filter((line) => line.audit);

describe("of a cluster, by its operator, with the chart's roles", () => {
  test("dead letters are listed, shown, redriven and dropped by whom the cluster lets, and each time that is written down", async () => {
    const first = await deadLetter("orders", "a");
    const second = await deadLetter("orders", "b");
    const third = await deadLetter("mail", "c");
    const listed = await eventually(
      () => listLetters(as("editor", { type: "order.placed" })),
      "the role is known",
    );
    expect(listed.split("\n").map((line) => line.split(/ +/).slice(0, 5).toSpliced(1, 1).join(" "))).toEqual([
      "NUMBER DRIVER TYPE REASON",
      ...[`${first} orders`, `${second} orders`, `${third} mail`].map(
        (text) => `${text} order.placed Terminal`,
      ),
    ]);
    expect(JSON.parse(await listLetters(as("editor", { driver: "mail", output: "json" })))).toMatchObject([
      { sequence: third, id: "c", attempts: 3 },
    ]);
    expect(await showLetter(first, as("editor"))).toMatch(/event\.id +a\n[\s\S]*"a"$/);
    expect(await redriveLetters([first], as("editor"), tell)).toBe("1 redriven: order.placed 1");
    expect(await directed()).toEqual({ "to.orders.default.shop.3.order.placed": 1 });
    expect(await dropLetters([], as("editor", { driver: "orders", type: "order.placed" }), tell)).toBe(
      "1 dropped: order.placed 1",
    );
    expect(await listLetters(as("editor", { driver: "orders", type: "order.placed" }))).toBe(
      "No dead letters.",
    );
    const written = audited().map(({ user, verb, resource, name, allowed, status }) =>
      [user.split(":").at(-1), verb, resource, name ?? "*", allowed, status].join(" "),
    );
    for (const line of [
      "editor get drivers/deadletters * true 200",
      "editor get drivers/deadletters mail true 200",
      "editor update drivers/deadletters * true 200",
      "editor delete drivers/deadletters orders true 200",
    ])
      expect(written).toContain(line);
  });

  test("history is replayed to one driver, and a dry run sends nothing", async () => {
    await tenant.jetstream.streams.purge("DIRECTED");
    const options = as("editor", { driver: "mail", from: "1h", types: ["order.placed"] });
    expect(await replay({ ...options, driver: "mail", from: "1h", dryRun: true }, tell)).toBe(
      "3 events would be sent to mail: order.placed 3",
    );
    expect(await directed()).toEqual({});
    expect(await replay({ ...options, driver: "mail", from: "1h" }, tell)).toMatch(
      /^3 events sent to mail: order\.placed 3\nreplay /,
    );
    expect(await directed()).toEqual({ "to.mail.default.shop.3.order.placed": 3 });
  });

  test("who may only look at drivers is refused, and who may so for one driver gets none of another", async () => {
    const number = await deadLetter("mail", "d");
    const own = await deadLetter("orders", "e");
    const before = await directed();
    const refused: [() => Promise<unknown>, string][] = [
      [() => listLetters(as("viewer")), "can't get drivers/deadletters"],
      [() => showLetter(number, as("viewer")), "can't get drivers/deadletters"],
      [() => redriveLetters([number], as("viewer"), tell), "can't update drivers/deadletters"],
      [() => dropLetters([number], as("viewer"), tell), "can't delete drivers/deadletters"],
      [
        () => replay({ ...as("viewer"), driver: "mail", from: "1h" }, tell),
        'can\'t create drivers/replay "mail"',
      ],
      [() => listLetters(as("clerk")), "can't get drivers/deadletters"],
      [() => listLetters(as("clerk", { driver: "mail" })), 'can\'t get drivers/deadletters "mail"'],
      [() => showLetter(number, as("clerk", { driver: "orders" })), `there is no dead letter ${number}`],
      [
        () => dropLetters([own], as("clerk", { driver: "orders" }), tell),
        'can\'t delete drivers/deadletters "orders"',
      ],
    ];
    for (const [attempt, message] of refused)
      await expect(attempt()).rejects.toMatchObject({
        name: "OperatorError",
        message: expect.stringContaining(message),
      });
    expect(await listLetters(as("clerk", { driver: "orders" }))).toContain(`${own} `);
    expect(await directed()).toEqual(before);
    expect(
      JSON.parse(await listLetters(as("editor", { type: "order.placed", output: "json" }))),
    ).toHaveLength(3);
  });

  test("a namespace without a bus, a driver that is not there and what can't be understood are told", async () => {
    const owner = { serviceAccount: undefined };
    await expect(listLetters(as("", { ...owner, namespace: SYSTEM }))).rejects.toMatchObject({
      message: `namespace ${SYSTEM} has no bus`,
    });
    await expect(replay({ ...as("editor"), driver: "nobody", from: "1h" }, tell)).rejects.toMatchObject({
      message: expect.stringContaining(`there is no Driver ${namespace}/nobody`),
    });
    await expect(redriveLetters([], as("editor"), tell)).rejects.toMatchObject({ code: "BadInput" });
  });

  test("the leader makes dead letters of what the bus has given up on", async () => {
    const found = await eventually(async () => {
      const letters = JSON.parse(
        await listLetters(as("editor", { reason: "MaxDeliveries", output: "json" })),
      );
      return letters.length > 0 && letters;
    }, "the dead letter");
    expect(found).toMatchObject([{ driver: "orders", id: "poison", type: "order.lost", attempts: 15 }]);
  });
});
