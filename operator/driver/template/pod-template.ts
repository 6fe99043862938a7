import {
  type Driver,
  type DriverSpec,
  HEALTH_PORT,
  HEALTH_PORT_NAME,
  POD_ENV,
  type ResourceSpec,
} from "@vextir/api";
import { LABELS } from "../../labels.ts";
import type { Release } from "../../release.ts";
import type { Container, PodSpec, PodTemplate, Probe } from "../../workloads.ts";
import type { GrantedModel } from "../models.ts";
import { CONTAINER, childNames, driverLabels, templateHash } from "../names.ts";
import { environment } from "./environment.ts";
import { containerSecurity, podSecurity } from "./hardening.ts";
import { mergeTemplate } from "./overrides.ts";
import { containerResources } from "./resources.ts";
import { spread } from "./spread.ts";
import { mounts } from "./volumes.ts";

export interface TemplateInput {
  driver: Driver;
  spec: DriverSpec;
  release: Release;
  /** Content of the template's ConfigMap: a change of it makes new pods. */
  data: Record<string, string>;
  /** What the code asks for, where the Driver names nothing of it. */
  resources?: ResourceSpec | undefined;
  /** Hash of a manifest that needs no verdict. */
  acceptedManifest?: string;
  /** Those that it is granted; default: none. */
  models?: readonly GrantedModel[];
}

export interface DriverTemplate {
  /** Names the template: of everything that its pods run with. */
  hash: string;
  template: PodTemplate;
  /** Paths within spec.podTemplate that were not taken over. */
  ignored: string[];
}

/** The pods of a Driver, "restricted" whatever its podTemplate says. */
export function driverTemplate(input: TemplateInput): DriverTemplate {
  const draft = build(input, "");
  const hash = templateHash([draft.template, input.data]);
  return { hash, ...build(input, hash) };
}

function build(input: TemplateInput, hash: string): Omit<DriverTemplate, "hash"> {
  const { driver, spec } = input;
  const name = driver.metadata.name;
  const { models = [], release } = input;
  const mount = mounts({ spec, release, models, configMap: childNames.template(name, hash) });
  const own: PodTemplate = {
    metadata: { labels: { ...driverLabels(name), [LABELS.template]: hash } },
    spec: {
      ...placement(spec),
      ...spread(name, spec),
      ...pullSecrets(release),
      serviceAccountName: childNames.serviceAccount(name),
      automountServiceAccountToken: false,
      enableServiceLinks: false,
      terminationGracePeriodSeconds: spec.terminationGracePeriodSeconds,
      securityContext: podSecurity(undefined),
      containers: [container(input, hash, mount)],
      volumes: mount.map((part) => part.volume),
    },
  };
  return mergeTemplate(own, spec.podTemplate, release.podAnnotations);
}

const filled = (value: object | undefined) => value !== undefined && Object.keys(value).length > 0;

function placement(spec: DriverSpec): Partial<PodSpec> {
  return {
    ...(filled(spec.nodeSelector) && { nodeSelector: spec.nodeSelector }),
    ...(spec.tolerations.length > 0 && { tolerations: spec.tolerations }),
    ...(filled(spec.affinity) && { affinity: spec.affinity }),
  };
}

function pullSecrets(release: Release): Partial<PodSpec> {
  const names = release.imagePullSecrets ?? [];
  return names.length === 0 ? {} : { imagePullSecrets: names.map((name) => ({ name })) };
}

function container(input: TemplateInput, hash: string, mount: ReturnType<typeof mounts>): Container {
  const { spec, release, models = [] } = input;
  const own = environment({ ...input, models });
  const resources = containerResources(spec, input.resources);
  return {
    name: CONTAINER,
    image: spec.image ?? release.image,
    ...(release.imagePullPolicy && { imagePullPolicy: release.imagePullPolicy }),
    ...(spec.args.length > 0 && { args: spec.args }),
    env: [{ name: POD_ENV.templateHash, value: hash }, ...own],
    ...(spec.envFrom.length > 0 && { envFrom: spec.envFrom }),
    ports: [
      { name: HEALTH_PORT_NAME, containerPort: HEALTH_PORT, protocol: "TCP" },
      ...spec.ports.map(({ name, containerPort, protocol }) => ({ name, containerPort, protocol })),
    ],
    volumeMounts: mount.map((part) => part.mount),
    ...(filled(resources) && { resources }),
    ...PROBES,
    ...(spec.ports.length > 0 &&
      spec.terminationGracePeriodSeconds > 2 * LEAVE_SECONDS && { lifecycle: LEAVING }),
    securityContext: containerSecurity(undefined),
    terminationMessagePolicy: "FallbackToLogsOnError",
  };
}

/** A Service's clients are sent elsewhere a moment after a pod is told to end; until then it serves on. */
const LEAVE_SECONDS = 2;
const LEAVING = { preStop: { sleep: { seconds: LEAVE_SECONDS } } };

const probe = (path: string, rest: Probe): Probe => ({ httpGet: { path, port: HEALTH_PORT_NAME }, ...rest });

/** Readiness each second: a pod that is ready is used at once, and one that lost the bus is not. */
const PROBES = {
  startupProbe: probe("/healthz", { periodSeconds: 1, timeoutSeconds: 2, failureThreshold: 120 }),
  readinessProbe: probe("/readyz", { periodSeconds: 1, timeoutSeconds: 2, failureThreshold: 3 }),
  livenessProbe: probe("/healthz", { periodSeconds: 10, timeoutSeconds: 5, failureThreshold: 3 }),
};
