import { ApiProblem } from "./problem.ts";

/** What the asker must be allowed to: `verb` on `drivers/<subresource>`, in a namespace or in all of them. */
export interface Access {
  verb: "get" | "create" | "update" | "delete";
  subresource: "capabilities" | "scaling" | "rotatekeys" | "deadletters" | "replay" | "tools";
  namespace?: string;
  name?: string;
}

/** What is asked for. */
export type Route = { access: Access } & (
  | { action: "capabilities"; namespace: string; name: string }
  | { action: "scaling"; namespace: string; name: string }
  | { action: "rotateDriver"; namespace: string; name: string }
  | { action: "rotateTenant"; namespace: string }
  | { action: "rotateCluster" }
  | { action: "rotationState"; id: string }
  // Without a name: of all drivers of the namespace.
  | { action: "listLetters"; namespace: string; name?: string; query: URLSearchParams }
  | { action: "showLetter"; namespace: string; name?: string; sequence: number }
  | { action: "redriveLetters" | "dropLetters"; namespace: string; name?: string }
  | { action: "replay"; namespace: string; name: string }
  | { action: "listTools"; namespace: string; name?: string }
  | { action: "callTool"; namespace: string; name: string; method: string }
);

const NAMESPACE = "(?<namespace>[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?)";
const DRIVER = "(?<name>[a-z0-9](?:[a-z0-9-]{0,38}[a-z0-9])?)";
const ID = "(?<id>[0-9a-f-]{36})";
const METHOD = "(?<method>[A-Za-z0-9_-]{1,60})";
const SEQUENCE = "(?<sequence>[1-9][0-9]{0,14})";

interface Pattern {
  method: "GET" | "POST";
  path: RegExp;
  route: (parts: Parts, query: URLSearchParams) => Route;
}

type Parts = Record<string, string | undefined>;

const pattern = (method: Pattern["method"], path: string, route: Pattern["route"]): Pattern => ({
  method,
  path: new RegExp(`^${path}$`),
  route,
});

const inNamespace = ({ namespace = "" }: Parts) => ({ namespace });
const ofDriver = ({ namespace = "", name = "" }: Parts) => ({ namespace, name });
const ofDrivers = ({ namespace = "", name }: Parts) => ({ namespace, ...(name !== undefined && { name }) });
const LETTERS = `/v1/namespaces/${NAMESPACE}(?:/drivers/${DRIVER})?/deadletters`;
const letters = (verb: "get" | "update" | "delete", parts: Parts) => ({
  ...ofDrivers(parts),
  access: { verb, subresource: "deadletters" as const, ...ofDrivers(parts) },
});

const PATTERNS: readonly Pattern[] = [
  pattern("GET", `/v1/namespaces/${NAMESPACE}/drivers/${DRIVER}/capabilities`, (parts) => ({
    action: "capabilities",
    ...ofDriver(parts),
    access: { verb: "get", subresource: "capabilities", ...ofDriver(parts) },
  })),
  pattern("GET", `/v1/namespaces/${NAMESPACE}/drivers/${DRIVER}/scaling`, (parts) => ({
    action: "scaling",
    ...ofDriver(parts),
    access: { verb: "get", subresource: "scaling", ...ofDriver(parts) },
  })),
  pattern("POST", `/v1/namespaces/${NAMESPACE}/drivers/${DRIVER}/keys:rotate`, (parts) => ({
    action: "rotateDriver",
    ...ofDriver(parts),
    access: { verb: "create", subresource: "rotatekeys", ...ofDriver(parts) },
  })),
  pattern("POST", `/v1/namespaces/${NAMESPACE}/keys:rotate`, (parts) => ({
    action: "rotateTenant",
    ...inNamespace(parts),
    access: { verb: "create", subresource: "rotatekeys", ...inNamespace(parts) },
  })),
  pattern("POST", "/v1/keys:rotate", () => ({
    action: "rotateCluster",
    access: { verb: "create", subresource: "rotatekeys" },
  })),
  // Who began one was told its id, which nobody can guess: nothing is told of another's.
  pattern("GET", `/v1/namespaces/${NAMESPACE}/rotations/${ID}`, (parts) => ({
    action: "rotationState",
    id: parts["id"] ?? "",
    access: { verb: "create", subresource: "rotatekeys", ...inNamespace(parts) },
  })),
  pattern("GET", LETTERS, (parts, query) => ({ action: "listLetters", query, ...letters("get", parts) })),
  pattern("GET", `${LETTERS}/${SEQUENCE}`, (parts) => ({
    action: "showLetter",
    sequence: Number(parts["sequence"]),
    ...letters("get", parts),
  })),
  pattern("POST", `${LETTERS}:redrive`, (parts) => ({
    action: "redriveLetters",
    ...letters("update", parts),
  })),
  pattern("POST", `${LETTERS}:drop`, (parts) => ({ action: "dropLetters", ...letters("delete", parts) })),
  pattern("POST", `/v1/namespaces/${NAMESPACE}/drivers/${DRIVER}/replay`, (parts) => ({
    action: "replay",
    ...ofDriver(parts),
    access: { verb: "create", subresource: "replay", ...ofDriver(parts) },
  })),
  pattern("GET", `/v1/namespaces/${NAMESPACE}(?:/drivers/${DRIVER})?/tools`, (parts) => ({
    action: "listTools",
    ...ofDrivers(parts),
    access: { verb: "get", subresource: "tools", ...ofDrivers(parts) },
  })),
  pattern("POST", `/v1/namespaces/${NAMESPACE}/drivers/${DRIVER}/tools/${METHOD}:call`, (parts) => ({
    action: "callTool",
    method: parts["method"] ?? "",
    ...ofDriver(parts),
    access: { verb: "create", subresource: "tools", ...ofDriver(parts) },
  })),
  pattern("GET", `/v1/rotations/${ID}`, (parts) => ({
    action: "rotationState",
    id: parts["id"] ?? "",
    access: { verb: "create", subresource: "rotatekeys" },
  })),
];

/** @throws ApiProblem `NotFound`, `MethodNotAllowed` */
export function routeOf(method: string, url: string): Route {
  const [path = "", ...query] = url.split("?");
  const matching = PATTERNS.filter((candidate) => candidate.path.test(path));
  const found = matching.find((candidate) => candidate.method === method);
  if (found) return found.route(found.path.exec(path)?.groups ?? {}, new URLSearchParams(query.join("?")));
  if (matching.length === 0) throw new ApiProblem("NotFound", "there is no such path");
  const allow = matching.map((candidate) => candidate.method).join(", ");
  throw new ApiProblem("MethodNotAllowed", `this path takes ${allow}`, { allow });
}
