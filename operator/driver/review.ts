import {
  type Driver,
  type DriverFile,
  DriverSpec,
  type Manifest,
  manifestHash,
  partialOverlaps,
} from "@vextir/api";
import type { Release } from "../release.ts";
import { schedulesProblem } from "../scaling/schedules.ts";
import { driverFileOf, templateData } from "./driver-file.ts";
import { filtersProblem } from "./filter-check.ts";
import { judge, missingGrants, type Verdict } from "./manifests/judge.ts";
import { TimeLimitError } from "./manifests/time-limit.ts";
import { type GrantedModels, NO_MODELS, unreachableModels } from "./models.ts";
import type { SourceText } from "./source.ts";
import { type DriverTemplate, driverTemplate } from "./template/pod-template.ts";
import { secretVariableProblem } from "./template/secret-variables.ts";

export type RefusalReason =
  | "Invalid"
  | "UnknownModule"
  | "SourceNotFound"
  | "SourceTooLarge"
  | "OverlappingPatterns"
  | "FilterInvalid"
  /** A cron expression or time zone of `scaling.schedules`. */
  | "ScheduleInvalid"
  /** Secrets reach a driver as files only. */
  | "SecretInEnvironment"
  | "ClassMismatch"
  | "ConfigInvalid"
  /** An object of a child's name belongs to somebody else. */
  | "NameTaken"
  /** A TenantPolicy allows less. */
  | "PolicyViolation"
  /** The operator's own namespace. */
  | "ReservedNamespace"
  /** The API server takes none of what was made of the spec. */
  | "Refused";

export interface Accepted {
  accepted: true;
  spec: DriverSpec;
  file: DriverFile;
  /** Content of the template's ConfigMap. */
  data: Record<string, string>;
  template: DriverTemplate;
  /** What the code is known to say of itself. */
  manifest: Manifest | undefined;
  /** What the code needs and the spec doesn't grant: no pods are made of it. */
  missing: string[];
  /** Granted models that are not there, for people. */
  absentModels: readonly string[];
  /** Parts of podTemplate that were not taken over. */
  ignored: string[];
}

export interface Refused {
  accepted: false;
  reason: RefusalReason;
  message: string;
  /** What stood is taken away, not kept as it was. */
  revoked?: true;
}

export type Review = Accepted | Refused;

export interface ReviewInput {
  driver: Driver;
  spec: DriverSpec;
  release: Release;
  source: SourceText;
  maxEventBytes: number;
  /** Default: none. */
  models?: GrantedModels;
  /** The manifest of this very code, where a pod of another template has reported it. */
  known: Manifest | undefined;
  /** The manifest that was accepted last, of whatever code. */
  last?: Manifest | undefined;
}

/** A ConfigMap holds 1 MiB. */
const MAX_DATA_BYTES = 1_000_000;

/** The spec with its defaults, or what is wrong with it: the API server may have stored it by an older schema. */
export function readSpec(driver: Driver): { spec: DriverSpec } | { problem: string } {
  const parsed = DriverSpec.safeParse(driver.spec);
  if (parsed.success) return { spec: parsed.data };
  const issues = parsed.error.issues.slice(0, 5);
  return {
    problem: issues.map(({ path, message }) => `${["spec", ...path].join(".")}: ${message}`).join("; "),
  };
}

/** Whether the spec can be run, and what follows from it. */
export function review(input: ReviewInput): Review {
  const { driver, spec, release, source } = input;
  if ("problem" in source) return refuse("SourceNotFound", source.problem);
  const module = unknownModule(spec, release);
  if (module) return refuse("UnknownModule", module);
  const overlap = overlappingPatterns(spec);
  if (overlap) return refuse("OverlappingPatterns", overlap);
  const filter = filtersProblem(spec);
  if (filter) return refuse("FilterInvalid", filter);
  const schedule = schedulesProblem(spec.scaling?.schedules ?? [], "spec.scaling.schedules");
  if (schedule) return refuse("ScheduleInvalid", schedule);
  const secret = secretVariableProblem(spec);
  if (secret) return refuse("SecretInEnvironment", secret);
  const { maxEventBytes, models: granted = NO_MODELS } = input;
  const { models } = granted;
  const file = driverFileOf(driver, spec, { maxEventBytes, models: models.map((model) => model.file) });
  const data = templateData(file, source.text);
  const bytes = Object.values(data).reduce((sum, text) => sum + Buffer.byteLength(text), 0);
  if (bytes > MAX_DATA_BYTES)
    return refuse(
      "SourceTooLarge",
      `config and source have ${bytes} bytes together, at most ${MAX_DATA_BYTES}`,
    );
  const builtIn = builtInManifest(spec, release);
  const manifest = builtIn ?? input.known;
  const verdict = manifest ? judgeInTime(manifest, file, builtIn !== undefined) : ACCEPTED;
  if (!verdict.accepted && verdict.reason !== "CapabilitiesMissing")
    return refuse(verdict.reason, verdict.message);
  const template = driverTemplate({
    driver,
    spec,
    release,
    data,
    models,
    resources: (manifest ?? lastOfSource(input))?.resources,
    ...(builtIn && { acceptedManifest: manifestHash(builtIn) }),
  });
  const missing = [
    ...(manifest ? missingGrants(manifest.capabilities, file.capabilities) : []),
    ...unreachableModels(granted, spec.capabilities.allowedHosts),
  ];
  const { ignored } = template;
  return {
    ...{ accepted: true, spec, file, data, template, manifest, missing, ignored },
    absentModels: granted.absent,
  };
}

/**
 * Of source code that has not reported yet what it asks for, that of before is the best guess: mostly it is the same, and pods are made once.
 * Of an image nothing is ever known before its pods run, so what it asks for is left to the Driver.
 */
const lastOfSource = ({ spec, last }: ReviewInput) =>
  spec.source !== undefined && spec.image === undefined ? last : undefined;

const ACCEPTED: Verdict = { accepted: true };

/** Where there is no time to judge here, the pod's own report decides. */
function judgeInTime(manifest: Manifest, file: DriverFile, isTrusted: boolean): Verdict {
  try {
    return judge(manifest, file, isTrusted);
  } catch (error) {
    if (error instanceof TimeLimitError) return ACCEPTED;
    throw error;
  }
}

const refuse = (reason: RefusalReason, message: string): Review => ({ accepted: false, reason, message });

function builtInManifest({ image, module }: DriverSpec, release: Release): Manifest | undefined {
  return image === undefined && module !== undefined ? release.manifests.get(module) : undefined;
}

/** A path is left to the image; a bare name must be one of the release's. */
function unknownModule({ image, module }: DriverSpec, release: Release): string | undefined {
  if (image !== undefined || module === undefined || /[/\\.]/.test(module)) return undefined;
  if (release.manifests.has(module)) return undefined;
  const known = [...release.manifests.keys()].sort().join(", ");
  return `spec.module: "${module}" is no built-in of release ${release.version} (${known || "it has none"}); name one, or set spec.image`;
}

function overlappingPatterns({ capabilities, subscriptions }: DriverSpec): string | undefined {
  const sets: [string, readonly string[]][] = [
    ["capabilities.publish", capabilities.publish],
    ["capabilities.observe", capabilities.observe],
    ...subscriptions.map(({ name, types }): [string, string[]] => [`subscriptions[${name}].types`, types]),
  ];
  for (const [field, patterns] of sets) {
    const [overlap] = partialOverlaps(patterns);
    if (overlap)
      return `spec.${field}: "${overlap[0]}" and "${overlap[1]}" overlap, but neither covers the other; write one pattern that covers both, or patterns that share no type`;
  }
  return undefined;
}
