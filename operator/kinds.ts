import {
  API_VERSION,
  type Driver,
  type EventBus,
  type KubeObject,
  type Model,
  type TenantPolicy,
  type ToolServer,
} from "@vextir/api";
import type { Kind } from "./cluster.ts";
import type { Deployment, Pod } from "./workloads.ts";

export interface Service extends KubeObject {
  kind: "Service";
  spec: {
    clusterIP?: string;
    type?: string;
    selector?: Record<string, string>;
    ports?: { name?: string; port: number; targetPort?: number | string; protocol?: string }[];
  };
}

export interface ServiceAccount extends KubeObject {
  kind: "ServiceAccount";
  automountServiceAccountToken?: boolean;
}

export interface ConfigMap extends KubeObject {
  kind: "ConfigMap";
  data?: Record<string, string>;
  immutable?: boolean;
}

/** `data` is base64 and absent where only metadata is cached. */
export interface Secret extends KubeObject {
  kind: "Secret";
  type?: string;
  data?: Record<string, string>;
  immutable?: boolean;
}

export interface PodDisruptionBudget extends KubeObject {
  kind: "PodDisruptionBudget";
  spec: { maxUnavailable?: number | string; selector?: { matchLabels?: Record<string, string> } };
}

/** How much a namespace may use. */
export interface ResourceQuota extends KubeObject {
  kind: "ResourceQuota";
  spec?: {
    hard?: Record<string, string>;
    scopes?: string[];
    scopeSelector?: { matchExpressions?: { scopeName: string; operator: string; values?: string[] }[] };
  };
  status?: { hard?: Record<string, string>; used?: Record<string, string> };
}

/** What a container or a pod of a namespace must and may ask for. */
export interface LimitRange extends KubeObject {
  kind: "LimitRange";
  spec?: {
    limits?: {
      type: string;
      max?: Record<string, string>;
      min?: Record<string, string>;
      default?: Record<string, string>;
      defaultRequest?: Record<string, string>;
    }[];
  };
}

export interface NetworkPolicy extends KubeObject {
  kind: "NetworkPolicy";
  spec: {
    podSelector: { matchLabels?: Record<string, string> };
    policyTypes?: string[];
    ingress?: unknown[];
    egress?: unknown[];
  };
}

/** A version of what an owner was told to be, as StatefulSets keep them too; `data` never changes. */
export interface ControllerRevision extends KubeObject {
  kind: "ControllerRevision";
  revision: number;
  data?: unknown;
}

export interface Lease extends KubeObject {
  kind: "Lease";
  spec?: {
    holderIdentity?: string;
    leaseDurationSeconds?: number;
    /** RFC 3339 with microseconds. */
    acquireTime?: string;
    renewTime?: string;
    leaseTransitions?: number;
  };
}

function kind<T extends KubeObject>(
  apiVersion: string,
  kind: string,
  plural: string,
  namespaced = true,
): Kind<T> {
  return { apiVersion, kind, plural, namespaced };
}

/** Every kind that the operator reads or writes: `KINDS.Deployment`. */
export const KINDS = {
  Driver: kind<Driver>(API_VERSION, "Driver", "drivers"),
  EventBus: kind<EventBus>(API_VERSION, "EventBus", "eventbuses"),
  Model: kind<Model>(API_VERSION, "Model", "models"),
  TenantPolicy: kind<TenantPolicy>(API_VERSION, "TenantPolicy", "tenantpolicies", false),
  ToolServer: kind<ToolServer>(API_VERSION, "ToolServer", "toolservers"),
  Deployment: kind<Deployment>("apps/v1", "Deployment", "deployments"),
  ControllerRevision: kind<ControllerRevision>("apps/v1", "ControllerRevision", "controllerrevisions"),
  Pod: kind<Pod>("v1", "Pod", "pods"),
  Service: kind<Service>("v1", "Service", "services"),
  ServiceAccount: kind<ServiceAccount>("v1", "ServiceAccount", "serviceaccounts"),
  ConfigMap: kind<ConfigMap>("v1", "ConfigMap", "configmaps"),
  Secret: kind<Secret>("v1", "Secret", "secrets"),
  Namespace: kind<KubeObject>("v1", "Namespace", "namespaces", false),
  PodDisruptionBudget: kind<PodDisruptionBudget>("policy/v1", "PodDisruptionBudget", "poddisruptionbudgets"),
  ResourceQuota: kind<ResourceQuota>("v1", "ResourceQuota", "resourcequotas"),
  LimitRange: kind<LimitRange>("v1", "LimitRange", "limitranges"),
  NetworkPolicy: kind<NetworkPolicy>("networking.k8s.io/v1", "NetworkPolicy", "networkpolicies"),
  Lease: kind<Lease>("coordination.k8s.io/v1", "Lease", "leases"),
} as const;
