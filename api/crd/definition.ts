import type { z } from "zod";
import { GROUP, VERSION } from "../kinds/object.ts";
import { type StructuralSchema, structural } from "./structural.ts";

/** What makes a CustomResourceDefinition beside its schemas. */
export interface Definition {
  kind: string;
  plural: string;
  shortNames: string[];
  /** Default: Namespaced. */
  scope?: "Cluster";
  description: string;
  spec: z.ZodType;
  /** Set when a spec may be left out, since every member has a default. */
  specDefault?: object;
  /** Absent: nothing is observed of it. */
  status?: z.ZodType;
  /** CEL over the whole object; only `self.metadata.name` and `generateName` are known there. */
  rules: { rule: string; message: string }[];
  columns: Column[];
  scale?: boolean;
}

export interface Column {
  name: string;
  type: "string" | "integer" | "date";
  jsonPath: string;
  description?: string;
  /** Shown with `-o wide` only, when above 0. */
  priority?: number;
}

const SCALE = {
  specReplicasPath: ".spec.replicas",
  statusReplicasPath: ".status.replicas",
  labelSelectorPath: ".status.selector",
};

export const conditionColumn = (type: string): Column => ({
  name: type,
  type: "string",
  jsonPath: `.status.conditions[?(@.type=="${type}")].status`,
});

export const ageColumn: Column = { name: "Age", type: "date", jsonPath: ".metadata.creationTimestamp" };

function rootSchema(definition: Definition): StructuralSchema {
  const spec = structural(definition.spec);
  return {
    type: "object",
    description: definition.description,
    required: definition.specDefault ? undefined : ["spec"],
    properties: {
      apiVersion: { type: "string", description: "Version of this schema." },
      kind: { type: "string", description: "Kind of the object." },
      metadata: { type: "object" },
      spec: { description: "What is wanted.", ...spec, default: definition.specDefault },
      ...(definition.status && { status: structural(definition.status) }),
    },
    "x-kubernetes-validations": definition.rules,
  };
}

export function customResourceDefinition(definition: Definition): object {
  const { kind, plural, shortNames, columns, scale, status } = definition;
  return {
    apiVersion: "apiextensions.k8s.io/v1",
    kind: "CustomResourceDefinition",
    metadata: { name: `${plural}.${GROUP}` },
    spec: {
      group: GROUP,
      scope: definition.scope ?? "Namespaced",
      names: {
        kind,
        listKind: `${kind}List`,
        plural,
        singular: kind.toLowerCase(),
        shortNames,
        categories: ["vextir"],
      },
      versions: [
        {
          name: VERSION,
          served: true,
          storage: true,
          schema: { openAPIV3Schema: rootSchema(definition) },
          ...(status && { subresources: { status: {}, scale: scale ? SCALE : undefined } }),
          additionalPrinterColumns: columns,
        },
      ],
    },
  };
}
