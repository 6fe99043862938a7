import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "@jest/globals";
import { HEALTH_PORT, HEALTH_PORT_NAME } from "@vextir/api";
import { LABELS } from "@vextir/operator/labels.ts";
import { leavesOf } from "@vextir/operator/tls/leaves.ts";
import { versions } from "@vextir/tools";
import { parse, parseAllDocuments } from "yaml";
import { ProgramError, run } from "./cluster/program.ts";

const root = join(import.meta.dirname, "../..");
const chart = join(root, "charts/vextir");

interface Rule {
  apiGroups?: string[];
  resources?: string[];
  nonResourceURLs?: string[];
  resourceNames?: string[];
  verbs: string[];
}

interface Rendered {
  kind: string;
  metadata: { name: string; namespace?: string; annotations?: Record<string, string> };
  // biome-ignore lint/suspicious/noExplicitAny: whatever the kind has
  spec?: any;
  data?: Record<string, string>;
  rules?: Rule[];
}

/** The chart for a new Kubernetes, whatever this machine's Helm was built for. */
const template = (...args: string[]) =>
  run("helm", ["template", "vextir", chart, "-n", "vextir-system", "--kube-version", "1.37.0", ...args]);

async function render(...args: string[]): Promise<Rendered[]> {
  const documents = parseAllDocuments(await template(...args)).map(
    (document) => document.toJS() as Rendered | null,
  );
  return documents.filter((document) => document !== null);
}

const of = (kind: string, objects: Rendered[]) => objects.filter((object) => object.kind === kind);

test("helm finds nothing to complain of", async () => {
  await run("helm", ["lint", "--strict", chart]);
});

test("its versions are the release's and the pinned nats-server's", async () => {
  const { version, appVersion } = parse(readFileSync(join(chart, "Chart.yaml"), "utf8"));
  const release = JSON.parse(readFileSync(join(root, "package.json"), "utf8")).version;
  expect([version, appVersion]).toEqual([release, release]);
  const { nats } = parse(readFileSync(join(chart, "values.yaml"), "utf8"));
  expect(nats.image).toContain(`:${versions.natsServer}-`);
});

describe("what the values make", () => {
  const table = [
    { reason: "the defaults", args: [] },
    { reason: "three servers", args: ["--set", "nats.replicas=3"] },
    {
      reason:
        "a registry and a class of storage of one's own, one operator, no network policies, no egress proxy, no context hub",
      args: [
        "--set=image.registry=registry.example:5000/team/vextir,image.tag=edge,image.pullSecrets={registry}",
        "--set=operator.replicas=1,operator.env[0].name=HTTPS_PROXY,operator.env[0].value=http://proxy:3128",
        "--set=nats.storage.className=fast,nats.storage.size=100Gi,networkPolicies.enabled=false,egress.enabled=false,hub.enabled=false",
      ],
    },
    {
      reason: "a PostgreSQL and models of one's own for the context hub",
      args: [
        "--set=hub.database.existingSecret=hub-database,hub.database.peers[0].podSelector.matchLabels.app=postgres",
        "--set=hub.models.existingSecret=hub-models,hub.models.egress[0].ports[0].port=11434,hub.replicas=3",
      ],
    },
    { reason: "two namespaces to work in", args: ["--set", "watchNamespaces={team-a,team-b}"] },
  ];
  test.each(table)("$reason", async ({ args }) => {
    expect(await template("--set", "crds.install=false", ...args)).toMatchSnapshot();
  });
});

test("cert-manager makes the certificates under the names that the operator would give them", async () => {
  const certManager = "tls.certManager.enabled=true,tls.certManager.issuerRef.name=team-ca";
  const objects = await render(`--set=${certManager},nats.replicas=3`);
  const certificates = of("Certificate", objects);
  const made = certificates.map(({ spec }) => ({
    secret: spec.secretName,
    names: { dns: [...spec.dnsNames].sort(), ip: spec.ipAddresses },
  }));
  const wanted = leavesOf("vextir-system", 3).map(({ secret, names }) => ({
    secret,
    names: { ...names, dns: [...names.dns].sort() },
  }));
  expect(made).toEqual(expect.arrayContaining(wanted));
  expect(made).toHaveLength(wanted.length);
  for (const { spec } of certificates)
    expect(spec.issuerRef).toEqual({ name: "team-ca", kind: "ClusterIssuer", group: "cert-manager.io" });
  const [operator] = of("Deployment", objects).filter(({ metadata }) => metadata.name === "vextir-operator");
  expect(operator?.spec.template.spec.containers[0].env).toContainEqual({
    name: "VEXTIR_TLS_GIVEN",
    value: "true",
  });
  expect(of("Certificate", await render())).toEqual([]);
});

test("traces are sent where the values say, and the operator hands that on", async () => {
  const environment = async (...args: string[]) => {
    const [operator] = of("Deployment", await render(...args)).filter(
      ({ metadata }) => metadata.name === "vextir-operator",
    );
    const env: { name: string; value: string }[] = operator?.spec.template.spec.containers[0].env ?? [];
    return new Map(env.map(({ name, value }) => [name, value]));
  };
  const env = await environment(
    "--set=telemetry.otlpEndpoint=http://otel.observability.svc:4318,telemetry.sampler=parentbased_traceidratio",
    "--set-string=telemetry.samplerArgument=0.1",
    "--set=telemetry.collector[0].podSelector.matchLabels.app=otel",
  );
  expect(env.get("OTEL_EXPORTER_OTLP_ENDPOINT")).toBe("http://otel.observability.svc:4318");
  expect([env.get("OTEL_TRACES_SAMPLER"), env.get("OTEL_TRACES_SAMPLER_ARG")]).toEqual([
    "parentbased_traceidratio",
    "0.1",
  ]);
  expect(JSON.parse(env.get("VEXTIR_OTLP_PEERS") ?? "")).toEqual([
    { podSelector: { matchLabels: { app: "otel" } } },
  ]);
  expect([...(await environment()).keys()].filter((name) => /OTEL|OTLP/.test(name))).toEqual([]);
});

describe("monitoring", () => {
  const monitors = "monitoring.podMonitors.enabled=true,monitoring.podMonitors.labels.release=prometheus";

  test("nothing of the Prometheus operator's or Grafana's unless it is asked for", async () => {
    const objects = await render();
    expect(objects.filter(({ kind }) => kind === "PodMonitor" || kind === "ConfigMap")).toEqual([]);
  });

  test("PodMonitors choose the pods that the chart and the operator make, by the port that they have", async () => {
    const objects = await render("--set", monitors);
    const made = of("PodMonitor", objects);
    expect(made.map(({ metadata }) => metadata.name)).toEqual([
      "vextir-operator",
      "vextir-egress",
      "vextir-hub",
      "vextir-drivers",
    ]);
    for (const { spec } of made) expect(spec.podMetricsEndpoints).toMatchObject([{ port: HEALTH_PORT_NAME }]);
    for (const { metadata, spec } of made.slice(0, 3)) {
      const [deployment] = of("Deployment", objects).filter((d) => d.metadata.name === metadata.name);
      const { template } = deployment?.spec ?? {};
      expect(template.metadata.labels).toMatchObject(spec.selector.matchLabels);
      expect(template.spec.containers[0].ports).toContainEqual({
        name: HEALTH_PORT_NAME,
        containerPort: HEALTH_PORT,
      });
    }
    expect(made[3]?.spec.selector.matchExpressions).toEqual([{ key: LABELS.driver, operator: "Exists" }]);
  });

  test("drivers' pods can't say whose series they are, nor have as many as they like", async () => {
    const drivers = async (...args: string[]) =>
      of("PodMonitor", await render("--set", monitors, ...args)).find(
        ({ metadata }) => metadata.name === "vextir-drivers",
      )?.spec;
    const spec = await drivers();
    expect(spec).toMatchObject({ namespaceSelector: { any: true }, sampleLimit: 2_000, labelLimit: 32 });
    expect(spec.podMetricsEndpoints).toMatchObject([
      { honorLabels: false, relabelings: [{ targetLabel: "driver" }] },
    ]);
    expect((await drivers("--set=watchNamespaces={team-a}")).namespaceSelector).toEqual({
      matchNames: ["team-a"],
    });
  });

  test.each(["egress", "hub"])("without it %s is not scraped", async (part) => {
    const objects = await render("--set", `${monitors},${part}.enabled=false`);
    expect(of("PodMonitor", objects).map(({ metadata }) => metadata.name)).not.toContain(`vextir-${part}`);
  });

  test("the dashboard is the file, found by Grafana's sidecar", async () => {
    const set = "monitoring.dashboard.enabled=true,monitoring.dashboard.namespace=grafana";
    const [configMap] = of("ConfigMap", await render("--set", set));
    expect(configMap?.metadata).toMatchObject({
      namespace: "grafana",
      labels: { grafana_dashboard: "1" },
    });
    const file = readFileSync(join(chart, "files/dashboard.json"), "utf8");
    expect(JSON.parse(configMap?.data?.["vextir.json"] ?? "")).toEqual(JSON.parse(file));
  });
});

describe("the context hub", () => {
  const hubOf = (objects: Rendered[], kind: string) =>
    of(kind, objects).find(({ metadata }) => metadata.name === "vextir-hub");

  test("without a database of one's own: one process on a volume that is kept, never two at a time", async () => {
    const objects = await render("--set", "hub.replicas=3");
    expect(hubOf(objects, "Deployment")?.spec).toMatchObject({ replicas: 1, strategy: { type: "Recreate" } });
    expect(hubOf(objects, "PersistentVolumeClaim")?.metadata.annotations).toEqual({
      "helm.sh/resource-policy": "keep",
    });
    expect(hubOf(objects, "PodDisruptionBudget")).toBeUndefined();
  });

  test("with one: replicas, of which a drain takes one at a time, and the password in a file", async () => {
    const objects = await render("--set", "hub.database.existingSecret=mine");
    const { replicas, strategy, template } = hubOf(objects, "Deployment")?.spec ?? {};
    expect([replicas, strategy.type]).toEqual([2, undefined]);
    expect(hubOf(objects, "PodDisruptionBudget")?.spec.maxUnavailable).toBe(1);
    expect(hubOf(objects, "PersistentVolumeClaim")).toBeUndefined();
    const [{ env }] = template.spec.containers;
    expect(env.filter(({ valueFrom }: { valueFrom?: object }) => valueFrom)).toEqual([]);
  });

  test("drivers get in, and it gets out to what it needs", async () => {
    const objects = await render("--set", "hub.database.existingSecret=mine,hub.database.port=6432");
    const { ingress, egress } = hubOf(objects, "NetworkPolicy")?.spec ?? {};
    const ports = (rules: { ports: { port: number }[] }[]) =>
      rules.flatMap((rule) => rule.ports.map(({ port }) => port));
    expect(ports(ingress)).toEqual([8444, 9464]);
    expect(new Set(ports(egress))).toEqual(new Set([53, 5353, 4222, 443, 6443, 6432]));
    const [nats] = of("NetworkPolicy", objects).filter(({ metadata }) => metadata.name === "vextir-nats");
    expect(JSON.stringify(nats?.spec.ingress)).toContain("vextir-hub");
  });

  test("it may ask whose a token is, and nothing else of the cluster", async () => {
    const objects = await render();
    const rules = hubOf(objects, "ClusterRole")?.rules;
    expect(rules).toEqual([
      { apiGroups: ["authentication.k8s.io"], resources: ["tokenreviews"], verbs: ["create"] },
    ]);
    expect(hubOf(objects, "Role")).toBeUndefined();
  });

  test("the operator tells drivers of it only where it is", async () => {
    const url = "https://vextir-hub.vextir-system.svc:8444";
    expect(JSON.stringify(of("Deployment", await render()))).toContain(url);
    const objects = await render("--set", "hub.enabled=false");
    expect(JSON.stringify(objects)).not.toContain(url);
    expect(objects.filter(({ metadata }) => metadata.name === "vextir-hub")).toEqual([]);
  });
});

test("nats-server's monitoring is the kubelet's: no Service leads to it, and no pod is let in", async () => {
  const objects = await render("--set", "nats.replicas=3");
  const ports = of("Service", objects).flatMap(({ spec }) => spec.ports);
  expect(ports.map(({ port }) => port)).not.toContain(8222);
  const policy = of("NetworkPolicy", objects).find(({ metadata }) => metadata.name === "vextir-nats");
  expect(policy?.spec.policyTypes).toContain("Ingress");
  const open = policy?.spec.ingress.flatMap((rule: { ports?: { port: number }[] }) => rule.ports);
  expect(open).toEqual([{ port: 4222 }, { port: 6222 }]);
});

describe("values that can't be right are refused with their name", () => {
  const table = [
    { reason: "an even number of servers", set: "nats.replicas=2", named: "/nats/replicas" },
    {
      reason: "cert-manager without an issuer",
      set: "tls.certManager.enabled=true",
      named: "/tls/certManager",
    },
    { reason: "a misspelt value", set: "operator.replica=2", named: "'replica'" },
    { reason: "no operator", set: "operator.replicas=0", named: "/operator/replicas" },
    { reason: "a size without a unit", set: "nats.storage.size=10", named: "/nats/storage/size" },
    { reason: "no hub", set: "hub.replicas=0", named: "/hub/replicas" },
    { reason: "a Secret that is none", set: "hub.database.existingSecret=A_B", named: "/hub/database" },
    { reason: "an unknown log level", set: "operator.logLevel=loud", named: "/operator/logLevel" },
    { reason: "a range that is none", set: "egress.never={10.0.0.1}", named: "/egress/never/0" },
    {
      reason: "traces to nobody",
      set: "telemetry.otlpEndpoint=http://otel:4318",
      named: "/telemetry/collector",
    },
    {
      reason: "a collector's password",
      set: "telemetry.otlpEndpoint=http://me:secret@otel:4318",
      named: "/telemetry/otlpEndpoint",
    },
    { reason: "a namespace that is none", set: "watchNamespaces={Team}", named: "/watchNamespaces/0" },
    { reason: "a registry with a trailing slash", set: "image.registry=ghcr.io/", named: "/image/registry" },
  ];
  test.each(table)("$reason", async ({ set, named }) => {
    const error = await template("--set", set).then(
      () => undefined,
      (thrown: ProgramError) => thrown,
    );
    expect(error).toBeInstanceOf(ProgramError);
    expect(error?.stderr).toContain(named);
  });
});

test("the CustomResourceDefinitions are those of crds/, and are kept", async () => {
  const definitions = of("CustomResourceDefinition", await render());
  const files = readdirSync(join(root, "crds"));
  const wanted = files.map((file) => parse(readFileSync(join(root, "crds", file), "utf8")));
  expect(definitions.map(({ spec }) => spec)).toEqual(wanted.map(({ spec }) => spec));
  for (const { metadata } of definitions)
    expect(metadata.annotations).toEqual({ "helm.sh/resource-policy": "keep" });
});

test("the operator may do no more than it needs", async () => {
  const objects = await render();
  const everywhere = of("ClusterRole", objects).flatMap(({ rules = [] }) => rules);
  const atHome = of("Role", objects).flatMap(({ rules = [] }) => rules);
  for (const { apiGroups = [], resources = [], nonResourceURLs = [], verbs } of [...everywhere, ...atHome])
    expect([...apiGroups, ...resources, ...nonResourceURLs, ...verbs].join()).not.toContain("*");
  const resources = everywhere.flatMap((rule) => rule.resources ?? []);
  for (const forbidden of ["secrets", "roles", "rolebindings", "serviceaccounts/token", "pods/exec"])
    expect(resources).not.toContain(forbidden);
  const secretRules = atHome.filter((rule) => rule.resources?.includes("secrets"));
  for (const { verbs, resourceNames } of secretRules)
    expect(resourceNames ? [] : ["create"]).toEqual(resourceNames ? [] : verbs);
});

test("with namespaces to work in, the operator has rights there, and on what belongs to no namespace", async () => {
  const objects = await render("--set", "watchNamespaces={team-a,team-b}");
  const bindings = of("ClusterRoleBinding", objects).map(({ metadata }) => metadata.name);
  expect(bindings.sort()).toEqual(["vextir-egress-cluster", "vextir-hub", "vextir-operator-cluster"]);
  const places = of("RoleBinding", objects).map(({ metadata }) => metadata.namespace);
  const [tenants, home] = ["team-a,team-a,team-b,team-b", "vextir-system,vextir-system"];
  expect(places.sort().join()).toBe(`${tenants},${home}`);
  const flat = (name: string) =>
    of("ClusterRole", objects)
      .filter(({ metadata }) => metadata.name === name)
      .flatMap(({ rules = [] }) => rules)
      .flatMap(({ resources = [], verbs }) => resources.map((resource) => `${resource}: ${verbs}`));
  for (const rule of flat("vextir-operator-cluster")) {
    const [resource = "", verbs] = rule.split(": ");
    const whole = flat("vextir-operator").find((other) => other.startsWith(`${resource}: `));
    expect(whole).toBe(`${resource}: ${verbs}`);
  }
});

test("every pod satisfies Pod Security restricted and writes to volumes alone", async () => {
  const objects = await render("--set", "nats.replicas=3");
  const pods = [...of("Deployment", objects), ...of("StatefulSet", objects)].map(
    ({ spec }) => spec.template.spec,
  );
  expect(pods).toHaveLength(4);
  for (const { securityContext, containers } of pods) {
    expect(securityContext).toMatchObject({ runAsNonRoot: true, seccompProfile: { type: "RuntimeDefault" } });
    for (const container of containers)
      expect(container.securityContext).toEqual({
        allowPrivilegeEscalation: false,
        readOnlyRootFilesystem: true,
        capabilities: { drop: ["ALL"] },
      });
  }
});
