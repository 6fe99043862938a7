/** On every object that the operator makes; its caches hold only these. */
export const MANAGED = { "app.kubernetes.io/managed-by": "vextir" } as const;

export const LABELS = {
  /** Name of the Driver that an object or a pod belongs to. */
  driver: "vextir.io/driver",
  /** Which template a pod or a ConfigMap is of. */
  template: "vextir.io/template-hash",
  /** What a ConfigMap of a driver holds. */
  part: "vextir.io/part",
} as const;

/** On a Deployment: the policies that admitted what it runs. */
export const ADMITTED_ANNOTATION = "vextir.io/admitted-by";

/** Hash of what a ConfigMap holds, where only its metadata is cached. */
export const CONTENT_ANNOTATION = "vextir.io/content-hash";
