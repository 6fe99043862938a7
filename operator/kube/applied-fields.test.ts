import { expect, test } from "@jest/globals";
import { appliesNothing } from "./applied-fields.ts";

const owned = {
  "f:metadata": { "f:labels": { "f:app": {} } },
  "f:spec": {
    "f:replicas": {},
    "f:template": {
      "f:spec": {
        "f:nodeSelector": {},
        "f:containers": {
          'k:{"name":"driver"}': {
            ".": {},
            "f:name": {},
            "f:image": {},
            "f:args": {},
            "f:resources": { "f:limits": { "f:cpu": {}, "f:memory": {} } },
            "f:ports": {
              'k:{"containerPort":8080,"protocol":"TCP"}': { ".": {}, "f:containerPort": {}, "f:name": {} },
            },
          },
        },
      },
    },
  },
};

const desired = () => ({
  apiVersion: "apps/v1",
  kind: "Deployment",
  metadata: { name: "a", namespace: "team", labels: { app: "a" } as Record<string, string> },
  spec: {
    replicas: 2,
    template: {
      spec: {
        nodeSelector: {},
        containers: [
          {
            name: "driver",
            image: "vextir/driver:1",
            args: ["--verbose"],
            resources: { limits: { cpu: "1000m", memory: "0.5Gi" } },
            ports: [{ name: "http", containerPort: 8080 }],
          },
        ],
      },
    },
  },
});
type Desired = ReturnType<typeof desired>;

/** As the server answers it: with defaults, and what others added. */
const current = () => ({
  ...desired(),
  metadata: {
    ...desired().metadata,
    uid: "u",
    labels: { app: "a", team: "x" },
    annotations: { revision: "1" },
  },
  spec: {
    replicas: 2,
    strategy: { type: "RollingUpdate" },
    template: {
      spec: {
        restartPolicy: "Always",
        containers: [
          { name: "sidecar", image: "mesh:1" },
          {
            name: "driver",
            image: "vextir/driver:1",
            imagePullPolicy: "IfNotPresent",
            args: ["--verbose"],
            resources: { limits: { cpu: "1", memory: "512Mi" } },
            ports: [{ name: "http", containerPort: 8080, protocol: "TCP" }],
          },
        ],
      },
    },
  },
});
type Current = ReturnType<typeof current>;

// biome-ignore lint/suspicious/noExplicitAny: the cases break objects on purpose
const container = (object: any) => object.spec.template.spec.containers.at(-1);
interface Case {
  reason: string;
  expected: boolean;
  desired?: (object: Desired) => void;
  current?: (object: Current) => void;
  owned?: (fields: typeof owned) => void;
}

const cases: Case[] = [
  {
    reason: "defaults, others' fields and items, and other ways to write a quantity don't count",
    expected: true,
  },
  {
    reason: "a value was edited by somebody",
    expected: false,
    current: (o) => {
      o.spec.replicas = 5;
    },
  },
  {
    reason: "a value is to change",
    expected: false,
    desired: (o) => {
      o.spec.replicas = 3;
    },
  },
  {
    reason: "a label is to come",
    expected: false,
    desired: (o) => {
      o.metadata.labels["new"] = "1";
    },
  },
  {
    reason: "a field is no longer wanted",
    expected: false,
    desired: (o) => {
      container(o).args = undefined;
    },
  },
  {
    reason: "a label is no longer wanted",
    expected: false,
    desired: (o) => {
      o.metadata.labels = {};
    },
  },
  {
    reason: "somebody removed an item",
    expected: false,
    current: (o) => void o.spec.template.spec.containers.pop(),
  },
  {
    reason: "an atomic list was extended",
    expected: false,
    current: (o) => container(o).args.push("--more"),
  },
  {
    reason: "an item is to come",
    expected: false,
    desired: (o) => container(o).ports.push({ containerPort: 1 }),
  },
  {
    reason: "an item is no longer wanted",
    expected: false,
    desired: (o) => {
      container(o).ports = [];
    },
  },
  {
    reason: "a quantity differs",
    expected: false,
    current: (o) => {
      container(o).resources.limits.cpu = "2";
    },
  },
  {
    reason: "somebody owns a field instead, with the same value: it would be lost when he gives it up",
    expected: false,
    owned: (fields) => Reflect.deleteProperty(fields["f:spec"], "f:replicas"),
  },
  {
    reason: "a wanted zero is not written down, but owned",
    expected: true,
    desired: (o) => {
      container(o).stdin = false;
    },
    owned: (fields) => {
      const containers = fields["f:spec"]["f:template"]["f:spec"]["f:containers"];
      Object.assign(containers['k:{"name":"driver"}'], { "f:stdin": {} });
    },
  },
  {
    reason: "a wanted zero was removed by somebody",
    expected: false,
    desired: (o) => {
      container(o).tty = false;
    },
  },
  {
    reason: "undefined is not wanted",
    expected: true,
    desired: (o) => {
      container(o).workingDir = undefined;
    },
  },
];

for (const { reason, expected, ...change } of cases) {
  test(`${expected ? "nothing to apply" : "apply"}: ${reason}`, () => {
    const [want, is, fields] = [desired(), current(), structuredClone(owned)];
    change.desired?.(want);
    change.current?.(is);
    change.owned?.(fields);
    expect(appliesNothing(want, is, fields)).toBe(expected);
  });
}

test("ports of one number and two protocols are told apart", () => {
  const key = (protocol: string) => `k:${JSON.stringify({ port: 53, protocol })}`;
  const item = { ".": {}, "f:port": {}, "f:name": {}, "f:protocol": {} };
  const fields = { "f:spec": { "f:ports": { [key("TCP")]: item, [key("UDP")]: item } } };
  const udp = { port: 53, protocol: "UDP", name: "dns" };
  const tcp = { port: 53, protocol: "TCP", name: "dns-tcp" };
  const is = { spec: { ports: [tcp, udp] } };
  expect(appliesNothing({ spec: { ports: [udp, tcp] } }, is, fields)).toBe(true);
  expect(appliesNothing({ spec: { ports: [{ ...udp, name: "other" }, tcp] } }, is, fields)).toBe(false);
});

test("an object that we never applied is taken over, one where we want nothing is left alone", () => {
  expect(appliesNothing(desired(), current(), undefined)).toBe(false);
  expect(appliesNothing({ metadata: { name: "a" } }, current(), undefined)).toBe(true);
});
