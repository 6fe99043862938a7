import type { Filter } from "@vextir/proto/contexthub/v1/context_hub_pb.js";
import { ContentType } from "@vextir/proto/contexthub/v1/documents_pb.js";
import { invalid } from "../rpc/hub-error.ts";
import * as fields from "./fields.ts";

const MOST = 100;

/** What a filter asks for, found to be in order. */
export interface Condition {
  collections: readonly string[];
  users: readonly string[];
  metadata: string | undefined;
  from: Date | undefined;
  before: Date | undefined;
  contentTypes: readonly number[];
}

/** @throws HubError `INVALID_ARGUMENT` */
export function conditionOf(filter: Filter | undefined, field = "filter"): Condition {
  const list = <T>(name: string, values: readonly T[] = [], each: (field: string, value: T) => T) => {
    if (values.length > MOST) throw invalid(`${field}.${name}`, `at most ${MOST}`);
    return values.map((value, i) => each(`${field}.${name}[${i}]`, value));
  };
  const known = (at: string, type: ContentType) => {
    if (!(type in ContentType) || type === ContentType.UNSPECIFIED) throw invalid(at, "not a known type");
    return type;
  };
  return {
    collections: list("collections", filter?.collections, fields.collection),
    users: list("users", filter?.users, fields.userName),
    metadata: filter?.metadata && JSON.stringify(fields.metadata(`${field}.metadata`, filter.metadata)),
    from: fields.timestamp(`${field}.updated_from`, filter?.updatedFrom),
    before: fields.timestamp(`${field}.updated_before`, filter?.updatedBefore),
    contentTypes: list("content_types", filter?.contentTypes, known),
  };
}

/** Values of a statement, by their place. */
export class Parameters {
  readonly values: unknown[] = [];

  /** @returns the placeholder. */
  add(value: unknown): string {
    this.values.push(value);
    return `$${this.values.length}`;
  }
}

/** For rows of `documents` as `d`; what has expired and was not swept yet is gone. */
export function documentCondition(condition: Condition, parameters: Parameters): string {
  const all = [
    "(d.expires_at is null or d.expires_at > now())",
    ...rowConditions(condition, "d", parameters),
  ];
  // A deleted document has none of its metadata; who asked for it by that is told of its end all the same.
  if (condition.metadata !== undefined)
    all.push(`(d.deleted or d.metadata @> ${parameters.add(condition.metadata)}::jsonb)`);
  if (condition.contentTypes.length > 0)
    all.push(`d.content_type = any(${parameters.add(condition.contentTypes)}::smallint[])`);
  return all.join(" and ");
}

/** What documents and their parts have in common. */
export function rowConditions(condition: Condition, alias: string, parameters: Parameters): string[] {
  const all: string[] = [];
  const { collections, users, from, before } = condition;
  if (collections.length > 0) all.push(`${alias}.path && ${parameters.add(collections)}::text[]`);
  if (users.length > 0) all.push(`${alias}.user_id = any(${parameters.add(users)}::text[])`);
  if (from) all.push(`${alias}.updated_at >= ${parameters.add(from.toISOString())}::timestamptz`);
  if (before) all.push(`${alias}.updated_at < ${parameters.add(before.toISOString())}::timestamptz`);
  return all;
}
