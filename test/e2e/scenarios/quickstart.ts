import { afterAll, beforeAll, expect, test } from "@jest/globals";
import { eventually } from "../../fixtures/eventually.ts";
import { BusView } from "../bus.ts";
import { changes } from "../cluster/changes.ts";
import { type ApiProxy, startApiProxy } from "../cluster/forward.ts";
import { apply, get, kubectl } from "../cluster/kubectl.ts";
import { Gateway } from "../gateway.ts";
import { driversReady, quickstart as examples, TENANT } from "../installation.ts";

/** A pod that asks the gateway by its Service's name and prints the answer. */
const client = (image: string) => `
apiVersion: v1
kind: Pod
metadata: {name: client, namespace: ${TENANT}}
spec:
  restartPolicy: Never
  automountServiceAccountToken: false
  securityContext: {runAsNonRoot: true, runAsUser: 65532, seccompProfile: {type: RuntimeDefault}}
  containers:
  - name: client
    image: ${image}
    command: [node, -e]
    args:
    - |
      const answer = await fetch("http://gateway.${TENANT}.svc:8080/api/events", {
        method: "POST",
        headers: {"Content-Type": "application/cloudevents+json", Prefer: "wait=20"},
        body: JSON.stringify({specversion: "1.0", id: "1", source: "/client", type: "chat.message.received", data: {text: "convert 10 km to miles"}}),
      });
      console.log(answer.status, await answer.text());
    securityContext: {allowPrivilegeEscalation: false, capabilities: {drop: [ALL]}}
`;

/** What the bus holds but for what the request and its answer leave there. */
async function untouched(bus: BusView): Promise<Record<string, string>> {
  const own =
    /^subject (KV_intruder |HANDLINGS run\.|EVENTS evt\.(gateway|intruder)\.\d+\.demo\.intrusion\.)/;
  const everything = Object.entries(await bus.everything(TENANT));
  return Object.fromEntries(everything.filter(([name]) => !own.test(name)));
}

export function quickstart() {
  let proxy: ApiProxy;
  let gateway: Gateway;
  beforeAll(async () => {
    proxy = await startApiProxy();
    gateway = new Gateway(proxy.service(TENANT, "gateway:http"));
  });
  afterAll(() => proxy?.stop());

  test("its Drivers become Ready", async () => {
    await kubectl("apply", "-n", TENANT, "-f", examples);
    await driversReady();
  });

  test("kubectl get drivers shows what matters", async () => {
    const [head, ...rows] = (await kubectl("get", "drivers", "-n", TENANT)).trim().split("\n");
    expect(head?.split(/ +/)).toEqual(["NAME", "CLASS", "READY", "ACTIVE", "REPLICAS", "AGE"]);
    expect(rows.map((row) => row.split(/ +/).slice(0, 5))).toEqual([
      ["assistant", "Agent", "True", "True", "1"],
      ["gateway", "IO", "True", "True", "1"],
      ["intruder", "Agent", "True", "True", "1"],
      ["toolbox", "Tool", "True", "True", "1"],
    ]);
  });

  test("an HTTP client of the gateway's Service is answered, with the lineage", async () => {
    const answer = await gateway.ask("chat.message.received", { text: "What time is it in Tokyo?" });
    const sent = answer.events.at(-1);
    expect(sent).toMatchObject({ type: "chat.message.sent", publisher: "assistant", causationid: answer.id });
    expect(sent?.data["text"]).toContain("Tokyo");
  });

  test("a pod is answered by the Service's name", async () => {
    const { spec } = await get("deployment", "gateway", "-n", TENANT);
    await apply(client(spec.template.spec.containers[0].image));
    await kubectl(
      "wait",
      "--for=jsonpath={.status.phase}=Succeeded",
      "pod/client",
      "-n",
      TENANT,
      "--timeout=120s",
    );
    const said = await kubectl("logs", "client", "-n", TENANT);
    expect(said).toMatch(/^200 /);
    expect(said).toContain("chat.message.sent");
    await kubectl("delete", "pod/client", "-n", TENANT, "--wait=false");
  });

  test("the intruder is refused, and what it aimed at is as it was", async () => {
    const bus = await BusView.open();
    try {
      const [before, accounts] = [await untouched(bus), await bus.accounts(TENANT)];
      const answer = await gateway.ask("demo.intrusion.requested", {});
      const attempts = answer.events.at(-1)?.data["attempts"] as { attempt: string; outcome: string }[];
      expect(attempts.length).toBeGreaterThan(20);
      expect(attempts.filter(({ outcome }) => !["refused", "silent", "sent"].includes(outcome))).toEqual([]);
      expect(await untouched(bus)).toEqual(before);
      expect(await bus.accounts(TENANT)).toEqual(accounts);
    } finally {
      await bus.close();
    }
  });

  test("a steady cluster gets no writes", async () => {
    await eventually(async () => (await changes(TENANT, 10)).length === 0, "ten seconds without one");
  });
}
