import type { KubeObject } from "@vextir/api";
import { KINDS } from "@vextir/operator/kinds.ts";
import {
  type Document,
  isMap,
  isPair,
  isScalar,
  isSeq,
  LineCounter,
  type Node,
  parseAllDocuments,
} from "yaml";
import { admitted, fieldOf, type Issue } from "../admission.ts";
import type { ObjectType } from "../store/stored-object.ts";

/** Something to tell the writer of a file: `folder/file.yaml:12: …`. */
export interface Remark {
  file: string;
  /** From 1. */
  line: number;
  message: string;
}

/** A document of a file that can be applied. */
export interface FileObject {
  kind: ObjectType;
  object: KubeObject;
  file: string;
  line: number;
}

export interface ParsedFile {
  objects: FileObject[];
  /** What keeps the file from being applied at all. */
  problems: Remark[];
  /** What is left out. */
  notes: Remark[];
}

/** The kinds that people write; everything else is made by the operator. */
export const FOLDER_KINDS: readonly ObjectType[] = [
  KINDS.Driver,
  KINDS.EventBus,
  KINDS.ConfigMap,
  KINDS.Secret,
  KINDS.Model,
  KINDS.TenantPolicy,
  KINDS.ToolServer,
  // For the labels by which policies select it.
  KINDS.Namespace,
];
const DEFAULT_NAMESPACE = "default";
const MAX_DOCUMENTS = 1_000;

/** Reads a file of YAML documents; JSON is YAML too. A file with any problem is not to be applied at all. */
export function parseYamlFile(file: string, text: string): ParsedFile {
  const lines = new LineCounter();
  const documents = parseAllDocuments(text, { lineCounter: lines, prettyErrors: true });
  const parsed: ParsedFile = { objects: [], problems: [], notes: [] };
  if (!Array.isArray(documents)) return parsed;
  if (documents.length > MAX_DOCUMENTS) {
    parsed.problems.push({ file, line: 1, message: `more than ${MAX_DOCUMENTS} documents` });
    return parsed;
  }
  for (const document of documents) new DocumentReader(file, document as Document.Parsed, lines).read(parsed);
  return parsed;
}

class DocumentReader {
  #file: string;
  #document: Document.Parsed;
  #lines: LineCounter;

  constructor(file: string, document: Document.Parsed, lines: LineCounter) {
    this.#file = file;
    this.#document = document;
    this.#lines = lines;
  }

  read({ objects, problems, notes }: ParsedFile): void {
    const [error] = this.#document.errors;
    if (error) {
      const message = error.message.split("\n")[0]?.replace(/ at line \d+, column \d+:?$/, "") ?? "no YAML";
      problems.push({ file: this.#file, line: error.linePos?.[0].line ?? this.#line([]), message });
      return;
    }
    const value = this.#value(problems);
    if (value === null || value === undefined) return;
    const object = asObject(value);
    if (typeof object === "string") {
      problems.push(this.#remark([], object));
      return;
    }
    const kind = FOLDER_KINDS.find((candidate) => candidate.kind === object.kind);
    if (!kind)
      notes.push(this.#remark(["kind"], `kind ${object.kind} is left out: the local mode has no use for it`));
    else this.#accept(object, kind, objects, problems);
  }

  #accept(object: KubeObject, kind: ObjectType, objects: FileObject[], problems: Remark[]): void {
    const name = `${object.kind} ${object.metadata.name}`;
    const issues: Issue[] = [];
    if (object.apiVersion !== kind.apiVersion)
      issues.push({ path: ["apiVersion"], message: `is ${object.apiVersion}, expected ${kind.apiVersion}` });
    issues.push(...admitted(object).issues);
    for (const { path, message } of issues)
      problems.push(this.#remark(path, `${name}: ${fieldOf(path)}: ${message}`));
    if (issues.length === 0) objects.push({ kind, object, file: this.#file, line: this.#line([]) });
  }

  /** Aliases are followed only so far: a small text must not make a huge value. */
  #value(problems: Remark[]): unknown {
    try {
      return this.#document.toJS({ maxAliasCount: 100 });
    } catch (error) {
      problems.push(this.#remark([], (error as Error).message));
      return undefined;
    }
  }

  #remark(path: Issue["path"], message: string): Remark {
    return { file: this.#file, line: this.#line(path), message };
  }

  /** Line of the field, or of the innermost one around it that is there. */
  #line(path: Issue["path"]): number {
    let node: unknown = this.#document.contents;
    let offset = (node as Node | null)?.range?.[0] ?? this.#document.range[0];
    for (const part of path) {
      const pair = isMap(node)
        ? node.items.find(({ key }) => isScalar(key) && key.value === part)
        : undefined;
      const next: unknown = isPair(pair) ? pair.value : isSeq(node) ? node.items[Number(part)] : undefined;
      const at = isPair(pair) ? (pair.key as Node).range : (next as Node | undefined)?.range;
      if (!at) break;
      offset = at[0];
      node = next;
    }
    return this.#lines.linePos(offset).line;
  }
}

/** The value as an object of Kubernetes, its namespace filled in, or what it lacks. */
function asObject(value: unknown): KubeObject | string {
  if (typeof value !== "object" || Array.isArray(value))
    return "expected an object with apiVersion, kind and metadata";
  const object = value as Partial<KubeObject>;
  if (typeof object.apiVersion !== "string" || typeof object.kind !== "string")
    return "expected an object with apiVersion, kind and metadata";
  if (typeof object.metadata?.name !== "string" || object.metadata.name === "")
    return `${object.kind}: metadata.name is missing`;
  const kind = FOLDER_KINDS.find((candidate) => candidate.kind === object.kind);
  if (kind && !kind.namespaced) {
    const { namespace: _, ...metadata } = object.metadata;
    return { ...object, metadata } as KubeObject;
  }
  return { ...object, metadata: { namespace: DEFAULT_NAMESPACE, ...object.metadata } } as KubeObject;
}
