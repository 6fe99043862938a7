import { describe, expect, test } from "@jest/globals";
import { POD_ENV } from "@vextir/api";
import fc from "fast-check";
import { LABELS } from "../../labels.ts";
import { aDriver, aRelease, specOf } from "../../testing/objects.ts";
import { restrictedViolations } from "../../testing/restricted.ts";
import { driverTemplate } from "./pod-template.ts";

const templateOf = (spec: object, release = aRelease()) => {
  const driver = aDriver({ spec });
  return driverTemplate({ driver, spec: specOf(driver), release, data: { "driver.json": "{}" } });
};

describe("the pods of a Driver", () => {
  test("run the release's image as the driver's own account, with the bus's token and the hub's", () => {
    const { template, hash } = templateOf({});
    expect(template.spec).toMatchObject({
      serviceAccountName: "driver-assistant",
      automountServiceAccountToken: false,
      containers: [{ name: "driver", image: "example.org/drivers:1" }],
    });
    expect(template.spec.volumes?.find((volume) => volume.name === "hub-token")?.projected).toEqual({
      sources: [{ serviceAccountToken: { audience: "vextir-hub", expirationSeconds: 600, path: "token" } }],
    });
    expect(template.metadata?.labels?.[LABELS.template]).toBe(hash);
    expect(template.spec.volumes?.find((volume) => volume.name === "bus-token")?.projected).toEqual({
      sources: [{ serviceAccountToken: { audience: "vextir-bus", expirationSeconds: 600, path: "token" } }],
    });
    expect(template.spec.containers[0]?.env?.find((v) => v.name === POD_ENV.templateHash)?.value).toBe(hash);
  });

  test("are told where the context hub is, whatever they are granted there, and whom to trust", () => {
    const hub = { url: "https://hub:8444", ca: "PEM" };
    const told = (release: Parameters<typeof aRelease>[0]) => {
      const { env = [] } = templateOf({}, aRelease(release)).template.spec.containers[0] ?? {};
      return env.filter(({ name }) => name.startsWith("VEXTIR_HUB_"));
    };
    expect(told({ hub })).toEqual([
      { name: POD_ENV.hubUrl, value: "https://hub:8444" },
      { name: POD_ENV.hubTokenFile, value: "/var/run/secrets/vextir.io/hub/token" },
      { name: POD_ENV.hubCaFile, value: "/etc/vextir/ca/ca.crt" },
    ]);
    expect(told({ hub: { url: "http://127.0.0.1:1" } }).map(({ name }) => name)).not.toContain(
      POD_ENV.hubCaFile,
    );
    expect(told({})).toEqual([]);
  });

  test("are told where traces go, once by each name: what the Driver says is what counts", () => {
    const telemetry = { OTEL_EXPORTER_OTLP_ENDPOINT: "http://otel:4318", OTEL_TRACES_SAMPLER: "always_on" };
    const env = [{ name: "OTEL_TRACES_SAMPLER", value: "always_off" }];
    const { template } = templateOf({ env }, aRelease({ telemetry }));
    const said = template.spec.containers[0]?.env?.filter(({ name }) => name.startsWith("OTEL_"));
    expect(said).toEqual([
      { name: "OTEL_EXPORTER_OTLP_ENDPOINT", value: "http://otel:4318" },
      { name: "OTEL_TRACES_SAMPLER", value: "always_off" },
    ]);
  });

  const changes: { reason: string; spec: object; same: boolean }[] = [
    { reason: "replicas", spec: { replicas: 7 }, same: true },
    { reason: "an argument", spec: { args: ["x"] }, same: false },
    {
      reason: "a label of podTemplate",
      spec: { podTemplate: { metadata: { labels: { a: "b" } } } },
      same: false,
    },
    {
      reason: "annotations of the account",
      spec: { serviceAccount: { annotations: { a: "b" } } },
      same: true,
    },
  ];
  test.each(changes)("$reason: new pods unless $same", ({ spec, same }) => {
    expect(templateOf(spec).hash === templateOf({}).hash).toBe(same);
  });

  test("are spread over nodes and zones, unless podTemplate says otherwise", () => {
    const spreadOf = (podTemplate?: object) =>
      templateOf({ podTemplate }).template.spec["topologySpreadConstraints"] as { topologyKey: string }[];
    expect(spreadOf()).toMatchObject([
      {
        topologyKey: "kubernetes.io/hostname",
        whenUnsatisfiable: "ScheduleAnyway",
        labelSelector: { matchLabels: { [LABELS.driver]: "assistant" } },
      },
      { topologyKey: "topology.kubernetes.io/zone" },
    ]);
    const own = [{ maxSkew: 1, topologyKey: "rack", whenUnsatisfiable: "DoNotSchedule" }];
    expect(spreadOf({ spec: { topologySpreadConstraints: own } })).toEqual(own);
    expect(spreadOf({ spec: { topologySpreadConstraints: [] } })).toEqual([]);
    expect(spreadOf({ spec: { topologySpreadConstraints: "none" } })).toHaveLength(2);
  });

  const byCode = { requests: { cpu: "10m", memory: "96Mi" }, limits: { memory: "1Gi" } };
  const driverContainer = (resources: object) => ({
    podTemplate: { spec: { containers: [{ name: "driver", resources }] } },
  });
  const asked: { reason: string; spec: object; code?: object; want: object | undefined }[] = [
    { reason: "nobody says anything", spec: {}, code: {}, want: undefined },
    { reason: "the code alone", spec: {}, want: byCode },
    {
      reason: "the Driver of another resource",
      spec: { resources: { limits: { cpu: "1" } } },
      want: { requests: { memory: "96Mi" }, limits: { memory: "1Gi", cpu: "1" } },
    },
    {
      reason: "the Driver less than the code asks for",
      spec: { resources: { limits: { memory: "64Mi" } } },
      want: { requests: { cpu: "10m" }, limits: { memory: "64Mi" } },
    },
    {
      reason: "podTemplate",
      spec: driverContainer({ requests: { memory: "2Gi" } }),
      want: { requests: { cpu: "10m", memory: "2Gi" } },
    },
    {
      reason: "the Driver before podTemplate",
      spec: { ...driverContainer({ limits: { cpu: "9" } }), resources: { requests: { cpu: "1" } } },
      code: {},
      want: { requests: { cpu: "1" } },
    },
    { reason: "what is none", spec: driverContainer("much" as never), want: byCode },
  ];
  test.each(asked)("ask for what $reason says", ({ spec, code = byCode, want }) => {
    const driver = aDriver({ spec });
    const input = { driver, spec: specOf(driver), release: aRelease(), data: {}, resources: code };
    expect(driverTemplate(input).template.spec.containers[0]?.resources).toEqual(want);
  });

  test("a change of what the pods run with makes new ones", () => {
    const driver = aDriver({});
    const input = { driver, spec: specOf(driver), release: aRelease() };
    const one = driverTemplate({ ...input, data: { "driver.json": "{}" } });
    const other = driverTemplate({ ...input, data: { "driver.json": "{ }" } });
    expect(one.hash).not.toBe(other.hash);
  });
});

describe("podTemplate", () => {
  const table: { reason: string; podTemplate: object; ignored: string[] }[] = [
    { reason: "the node's namespaces", podTemplate: { spec: { hostNetwork: true, hostPID: true } }, ignored: ["spec.hostNetwork", "spec.hostPID"] },
    { reason: "another account", podTemplate: { spec: { serviceAccountName: "admin" } }, ignored: ["spec.serviceAccountName"] },
    { reason: "a folder of the node", podTemplate: { spec: { volumes: [{ name: "root", hostPath: { path: "/" } }] } }, ignored: ["spec.volumes[root]"] },
    { reason: "a token for the API server", podTemplate: { spec: { volumes: [{ name: "t", projected: { sources: [{ serviceAccountToken: { path: "t" } }] } }] } }, ignored: ["spec.volumes[t]"] },
    { reason: "a volume of the operator's", podTemplate: { spec: { volumes: [{ name: "driver", emptyDir: {} }] } }, ignored: ["spec.volumes[driver]"] },
    { reason: "another driver's label", podTemplate: { metadata: { labels: { [LABELS.driver]: "victim" } } }, ignored: [`metadata.labels.${LABELS.driver}`] },
    { reason: "a label that the operator gives", podTemplate: { metadata: { labels: { "vextir.io/new": "x" } } }, ignored: ["metadata.labels.vextir.io/new"] },
    { reason: "another network", podTemplate: { metadata: { annotations: { "k8s.v1.cni.cncf.io/networks": "host" } } }, ignored: ["metadata.annotations.k8s.v1.cni.cncf.io/networks"] },
    { reason: "a setting of the container runtime", podTemplate: { metadata: { annotations: { "io.kubernetes.cri-o.Devices": "/dev/sda" } } }, ignored: ["metadata.annotations.io.kubernetes.cri-o.Devices"] },
    { reason: "an annotation beyond the bound", podTemplate: { metadata: { annotations: { a: "x".repeat(16_000), b: "x".repeat(400) } } }, ignored: ["metadata.annotations.b"] },
    { reason: "a secret as a variable", podTemplate: { spec: { containers: [{ name: "driver", env: [{ name: "K", valueFrom: { secretKeyRef: { name: "s", key: "k" } } }] }] } }, ignored: ["spec.containers[driver].env[K]"] },
    { reason: "secrets as variables of a sidecar", podTemplate: { spec: { containers: [{ name: "side", envFrom: [{ secretRef: { name: "s" } }] }] } }, ignored: ["spec.containers[side].envFrom"] },
    { reason: "a mount over the driver's token", podTemplate: { spec: { volumes: [{ name: "v", emptyDir: {} }], containers: [{ name: "driver", volumeMounts: [{ name: "v", mountPath: "/var/run/secrets/../secrets/vextir.io/" }] }] } }, ignored: ["spec.containers[driver].volumeMounts[/var/run/secrets/../secrets/vextir.io/]"] },
    { reason: "probes of the driver", podTemplate: { spec: { containers: [{ name: "driver", readinessProbe: {} }] } }, ignored: ["spec.containers[driver].readinessProbe"] },
  ]; // biome-ignore format: one case per line
  test.each(table)("$reason is not taken over, and that is said", ({ podTemplate, ignored }) => {
    expect(templateOf({ podTemplate }).ignored).toEqual(ignored);
  });

  test("the platform team may allow further annotations", () => {
    const annotations = { "sidecar.istio.io/inject": "false", "k8s.v1.cni.cncf.io/networks": "host" };
    const release = aRelease({ podAnnotations: ["sidecar.istio.io/*"] });
    const { template, ignored } = templateOf({ podTemplate: { metadata: { annotations } } }, release);
    expect(template.metadata?.annotations).toEqual({ "sidecar.istio.io/inject": "false" });
    expect(ignored).toEqual(["metadata.annotations.k8s.v1.cni.cncf.io/networks"]);
  });

  test("what a volume that was not taken over was mounted at is dropped too", () => {
    const { template } = templateOf({
      podTemplate: {
        spec: {
          volumes: [{ name: "root", hostPath: { path: "/" } }],
          containers: [{ name: "driver", volumeMounts: [{ name: "root", mountPath: "/host" }] }],
        },
      },
    });
    expect(template.spec.containers[0]?.volumeMounts?.map((mount) => mount.name)).not.toContain("root");
  });

  test("what is allowed is taken over", () => {
    const { template, ignored } = templateOf({
      podTemplate: {
        metadata: { labels: { team: "a" }, annotations: { note: "b" } },
        spec: {
          priorityClassName: "high",
          nodeSelector: { disk: "ssd" },
          volumes: [{ name: "cache", emptyDir: {} }],
          containers: [
            {
              name: "driver",
              volumeMounts: [{ name: "cache", mountPath: "/cache" }],
              env: [
                { name: "A", value: "1" },
                { name: "VEXTIR_BUS_URL", value: "nats://evil" },
              ],
              securityContext: { runAsUser: 1001 },
            },
            { name: "side", image: "example.org/side:1" },
          ],
        },
      },
    });
    expect(ignored).toEqual(["spec.containers[driver].env[VEXTIR_BUS_URL]"]);
    expect(template.metadata).toMatchObject({ labels: { team: "a" }, annotations: { note: "b" } });
    expect(template.spec).toMatchObject({ priorityClassName: "high", nodeSelector: { disk: "ssd" } });
    const [driver, side] = template.spec.containers;
    expect(driver?.env?.filter((v) => v.name === "VEXTIR_BUS_URL")).toEqual([
      { name: "VEXTIR_BUS_URL", value: "nats://bus:4222" },
    ]);
    expect(driver?.env?.at(-1)).toEqual({ name: "A", value: "1" });
    expect(driver?.["securityContext"]).toMatchObject({ runAsUser: 1001, runAsNonRoot: true });
    expect(side?.["securityContext"]).toMatchObject({ runAsNonRoot: true, readOnlyRootFilesystem: true });
  });

  /** Words that mean something in a pod, anywhere in a tree. */
  const word = fc.constantFrom(
    "spec", "metadata", "labels", "annotations", "containers", "initContainers", "volumes", "securityContext", "name", "driver", "image",
    "hostNetwork", "hostPID", "hostIPC", "hostUsers", "hostPath", "path", "privileged", "capabilities", "add", "drop", "runAsUser",
    "runAsNonRoot", "seccompProfile", "type", "allowPrivilegeEscalation", "procMount", "seLinuxOptions", "sysctls", "windowsOptions",
    "hostProcess", "ports", "hostPort", "containerPort", "livenessProbe", "httpGet", "host", "lifecycle", "postStart", "projected",
    "sources", "serviceAccountToken", "serviceAccountName", "automountServiceAccountToken", "tmp", "bus-token", "nfs", "volumeMounts",
    "container.apparmor.security.beta.kubernetes.io/driver", "appArmorProfile", "ephemeralContainers", "volumeDevices",
  ); // biome-ignore format: a list of words
  const leaf = fc.oneof(
    word,
    fc.boolean(),
    fc.integer({ min: -1, max: 3 }),
    fc.constant("unconfined"),
    fc.constant("Unconfined"),
  );
  const { tree } = fc.letrec<{ tree: unknown }>((tie) => ({
    tree: fc.oneof(
      { depthSize: "medium", maxDepth: 7 },
      leaf,
      fc.dictionary(word, tie("tree"), { maxKeys: 5, noNullPrototype: true }),
      fc.array(tie("tree"), { maxLength: 3 }),
    ),
  }));
  const containerLike = fc.dictionary(word, tree, { maxKeys: 5, noNullPrototype: true });
  const podTemplate = fc.record(
    {
      metadata: fc.record({ labels: tree, annotations: tree }, { requiredKeys: [] }),
      spec: fc
        .tuple(
          fc.dictionary(word, tree, { maxKeys: 6, noNullPrototype: true }),
          fc.record(
            {
              containers: fc.array(containerLike),
              initContainers: fc.array(containerLike),
              volumes: fc.array(containerLike),
            },
            { requiredKeys: [] },
          ),
        )
        .map(([a, b]) => ({ ...a, ...b })),
    },
    { requiredKeys: [] },
  );

  test("whatever it says, the pods are restricted", () => {
    fc.assert(
      fc.property(podTemplate, (wish) => {
        expect(restrictedViolations(templateOf({ podTemplate: wish }).template)).toEqual([]);
      }),
      { numRuns: 2_000 },
    );
  });
});
