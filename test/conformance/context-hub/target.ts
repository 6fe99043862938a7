import { readFileSync } from "node:fs";
import { Metadata } from "@grpc/grpc-js";

/** Collection below which all is done. */
export const ROOT = "conformance";

/**
 * Callers that a hub under test must know. `full`, `writer`, `own` and `ungranted` are drivers of one tenant, `foreign` of another.
 * Grants, on the collection `conformance`: `full` and `foreign` all verbs for all users; `writer` write, for all users; `reader`
 * read and search on `conformance/open` for all users; `own` all verbs for the caller's own documents; `ungranted` none.
 */
export const ROLES = ["full", "writer", "reader", "own", "ungranted", "foreign"] as const;
export type Role = (typeof ROLES)[number];

/** A hub to be tested. */
export interface Target {
  address: string;
  ca?: Buffer;
  /** Whether it has an embedding model. */
  vectors: boolean;
  /** Of `authorization` and, with a user, of `vextir-user-assertion`. */
  as(role: Role, user?: string): Metadata;
}

/**
 * A hub that runs somewhere: `VEXTIR_HUB_TARGET` names a JSON file `{address, ca?, vectors?, tokens: {<role>: <token>},
 * assertions: {<user>: <assertion>}}`, the users being `anna` and `bert`.
 */
export function namedTarget(): Target | undefined {
  const path = process.env["VEXTIR_HUB_TARGET"];
  if (!path) return undefined;
  const { address, ca, vectors, tokens, assertions } = JSON.parse(readFileSync(path, "utf8"));
  return {
    address,
    ...(ca && { ca: readFileSync(ca) }),
    vectors: vectors === true,
    as: (role, user) => metadataOf(tokens[role], user && assertions[user]),
  };
}

export function metadataOf(token: string, assertion?: string): Metadata {
  const metadata = new Metadata();
  metadata.set("authorization", `Bearer ${token}`);
  if (assertion) metadata.set("vextir-user-assertion", assertion);
  return metadata;
}
