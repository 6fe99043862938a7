import { type Driver, type DriverSpec, HEALTH_PORT, type KubeObject } from "@vextir/api";
import { type Applied, type Kind, ownerOf } from "../../cluster.ts";
import type { ConfigMap } from "../../kinds.ts";
import { ADMITTED_ANNOTATION, LABELS } from "../../labels.ts";
import type { Release } from "../../release.ts";
import { WATCHED } from "../../watched-kinds.ts";
import { childNames, driverLabels, podSelector } from "../names.ts";
import type { DriverTemplate } from "../template/pod-template.ts";

/** One object that is wanted. */
export interface Child<T extends KubeObject = KubeObject> {
  kind: Kind<T>;
  object: Applied<T>;
}

export interface ChildrenInput {
  driver: Driver;
  spec: DriverSpec;
  release: Release;
  template: DriverTemplate;
  /** Content of the template's ConfigMap. */
  data: Record<string, string>;
  replicas: number;
  /** Names the policies that admit it. */
  admittedBy?: string;
}

/** Kinds that a Driver's children are of; in others nothing is pruned. */
export const CHILD_KINDS: readonly Kind[] = [
  WATCHED.ServiceAccount,
  WATCHED.ConfigMap,
  WATCHED.NetworkPolicy,
  WATCHED.Service,
  WATCHED.PodDisruptionBudget,
  WATCHED.Deployment,
];

/** Everything that a Driver is made of, in the order in which it must be there; the Deployment last. */
export function desiredChildren(input: ChildrenInput): Child[] {
  return [
    serviceAccount(input),
    templateConfigMap(input),
    ...(input.release.network ? [networkPolicy(input)] : []),
    ...(input.spec.ports.length > 0 ? [service(input)] : []),
    ...(input.replicas >= 2 ? [disruptionBudget(input)] : []),
    deployment(input),
  ];
}

function child<T extends KubeObject>(
  kind: Kind<T>,
  driver: Driver,
  name: string,
  body: object,
  labels: Record<string, string> = {},
): Child<T> {
  const metadata = {
    name,
    ...(driver.metadata.namespace && { namespace: driver.metadata.namespace }),
    labels: { ...driverLabels(driver.metadata.name), ...labels },
    ownerReferences: [ownerOf(driver)],
  };
  const { annotations, ...rest } = body as { annotations?: Record<string, string> };
  const object = {
    apiVersion: kind.apiVersion,
    kind: kind.kind,
    metadata: { ...metadata, ...(annotations && { annotations }) },
    ...rest,
  };
  return { kind, object: object as unknown as Applied<T> };
}

function serviceAccount({ driver, spec }: ChildrenInput) {
  const { annotations } = spec.serviceAccount;
  return child(WATCHED.ServiceAccount, driver, childNames.serviceAccount(driver.metadata.name), {
    ...(Object.keys(annotations).length > 0 && { annotations }),
    automountServiceAccountToken: false,
  });
}

/** What a template's pods run with; never changed, so that pods of one template can't differ. */
function templateConfigMap({ driver, template, data }: ChildrenInput) {
  const name = childNames.template(driver.metadata.name, template.hash);
  const labels = { [LABELS.part]: "template", [LABELS.template]: template.hash };
  return child(WATCHED.ConfigMap, driver, name, { data, immutable: true }, labels);
}

/** The manifests accepted so far: template's hash -> JSON. */
export function manifestsConfigMap(driver: Driver, data: Record<string, string>): Child<ConfigMap> {
  const name = childNames.manifests(driver.metadata.name);
  return child(WATCHED.ConfigMap, driver, name, { data }, { [LABELS.part]: "manifests" });
}

function networkPolicy({ driver, spec, release }: ChildrenInput) {
  const ports = [{ containerPort: HEALTH_PORT, protocol: "TCP" }, ...spec.ports];
  const { egress = [], proxy } = release.network ?? {};
  const reachable = proxy && spec.capabilities.allowedHosts.length > 0 ? [...egress, proxy] : egress;
  return child(WATCHED.NetworkPolicy, driver, driver.metadata.name, {
    spec: {
      podSelector: { matchLabels: podSelector(driver.metadata.name) },
      policyTypes: ["Ingress", "Egress"],
      ingress: [{ ports: ports.map(({ containerPort, protocol }) => ({ port: containerPort, protocol })) }],
      egress: reachable.map(({ to, ports }) => ({
        ...(to.length > 0 && { to }),
        ports,
      })),
    },
  });
}

function service({ driver, spec }: ChildrenInput) {
  return child(WATCHED.Service, driver, driver.metadata.name, {
    spec: {
      selector: podSelector(driver.metadata.name),
      ports: spec.ports.map(({ name, containerPort, protocol }) => ({
        name,
        port: containerPort,
        targetPort: name,
        protocol,
      })),
    },
  });
}

/** Only where another pod is left to serve: with one replica it would block every drain of a node. */
function disruptionBudget({ driver }: ChildrenInput) {
  return child(WATCHED.PodDisruptionBudget, driver, driver.metadata.name, {
    spec: { maxUnavailable: 1, selector: { matchLabels: podSelector(driver.metadata.name) } },
  });
}

function deployment({ driver, template, replicas, admittedBy }: ChildrenInput) {
  const labels = { [LABELS.template]: template.hash };
  const spec = {
    replicas,
    revisionHistoryLimit: 3,
    progressDeadlineSeconds: 120,
    // The last good pods stay until a new one is ready, so accepted.
    strategy: { type: "RollingUpdate", rollingUpdate: { maxUnavailable: 0, maxSurge: 1 } },
    selector: { matchLabels: podSelector(driver.metadata.name) },
    template: template.template,
  };
  const annotations = admittedBy === undefined ? {} : { annotations: { [ADMITTED_ANNOTATION]: admittedBy } };
  return child(WATCHED.Deployment, driver, driver.metadata.name, { ...annotations, spec }, labels);
}
