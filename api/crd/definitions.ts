import { DriverSpec } from "../kinds/driver.ts";
import { EVENT_BUS_NAME, EventBusSpec } from "../kinds/event-bus.ts";
import { ModelSpec } from "../kinds/model.ts";
import { TenantPolicySpec } from "../kinds/tenant-policy.ts";
import { ToolServerSpec } from "../kinds/tool-server.ts";
import { ageColumn, conditionColumn, type Definition } from "./definition.ts";
import {
  DriverStatusSchema,
  EventBusStatusSchema,
  TenantPolicyStatusSchema,
  ToolServerStatusSchema,
} from "./status.ts";

const DRIVER_NAME_RULE = {
  rule: "self.metadata.name.size() <= 40 && self.metadata.name.matches('^[a-z]([-a-z0-9]*[a-z0-9])?$')",
  message:
    "metadata.name must be a DNS label of at most 40 characters: lower-case letters, digits and '-', beginning with a letter",
};

export const driverDefinition: Definition = {
  kind: "Driver",
  plural: "drivers",
  shortNames: ["drv"],
  description: "A program of Vextir OS: an agent, a tool or a connector, run in pods of its own.",
  spec: DriverSpec,
  status: DriverStatusSchema,
  rules: [DRIVER_NAME_RULE],
  columns: [
    { name: "Class", type: "string", jsonPath: ".spec.class" },
    conditionColumn("Ready"),
    conditionColumn("Active"),
    { name: "Replicas", type: "integer", jsonPath: ".status.replicas" },
    { ...ageColumn },
    {
      name: "Version",
      type: "string",
      jsonPath: ".status.manifest.version",
      description: "Version of the running code.",
      priority: 1,
    },
  ],
  scale: true,
};

export const eventBusDefinition: Definition = {
  kind: "EventBus",
  plural: "eventbuses",
  shortNames: ["eb"],
  description: "A namespace's bus: its streams and their limits. Made by the operator when absent.",
  spec: EventBusSpec,
  specDefault: {},
  status: EventBusStatusSchema,
  rules: [
    {
      rule: `self.metadata.name == '${EVENT_BUS_NAME}'`,
      message: `metadata.name must be '${EVENT_BUS_NAME}': a namespace has one bus`,
    },
  ],
  columns: [conditionColumn("Ready"), ageColumn],
};

export const tenantPolicyDefinition: Definition = {
  kind: "TenantPolicy",
  plural: "tenantpolicies",
  shortNames: ["tp"],
  scope: "Cluster",
  description:
    "The most that Drivers of the selected namespaces may have. What is beyond it is refused, and what stands is taken away.",
  spec: TenantPolicySpec,
  specDefault: {},
  status: TenantPolicyStatusSchema,
  rules: [],
  columns: [
    conditionColumn("Enforced"),
    { name: "Drivers", type: "integer", jsonPath: ".status.drivers" },
    { name: "Refused", type: "integer", jsonPath: ".status.refused" },
    ageColumn,
  ],
};

export const modelDefinition: Definition = {
  kind: "Model",
  plural: "models",
  shortNames: ["mdl"],
  description: "A language or embedding model that Drivers of the namespace may be granted by name.",
  spec: ModelSpec,
  rules: [
    {
      rule: "self.metadata.name.size() <= 63",
      message: "metadata.name must have at most 63 characters",
    },
  ],
  columns: [
    { name: "Kind", type: "string", jsonPath: ".spec.kind" },
    { name: "Provider", type: "string", jsonPath: ".spec.provider" },
    { name: "Model", type: "string", jsonPath: ".spec.model" },
    { ...ageColumn },
    { name: "Endpoint", type: "string", jsonPath: ".spec.endpoint", priority: 1 },
  ],
};

export const toolServerDefinition: Definition = {
  kind: "ToolServer",
  plural: "toolservers",
  shortNames: ["ts"],
  description: "A server whose tools become tools of the namespace's: those of a Driver of the same name.",
  spec: ToolServerSpec,
  status: ToolServerStatusSchema,
  rules: [DRIVER_NAME_RULE],
  columns: [
    conditionColumn("Ready"),
    conditionColumn("Reachable"),
    { name: "Tools", type: "integer", jsonPath: ".status.toolCount" },
    { ...ageColumn },
    { name: "URL", type: "string", jsonPath: ".spec.url", priority: 1 },
  ],
};
