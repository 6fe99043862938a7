import {
  create,
  type DescField,
  type DescMessage,
  type DescMethod,
  ScalarType,
  toBinary,
} from "@bufbuild/protobuf";
import { afterAll, beforeAll, expect, test } from "@jest/globals";
import { Access } from "@vextir/context-hub/access/access.ts";
import { Store } from "@vextir/context-hub/documents/store.ts";
import { read } from "@vextir/context-hub/rpc/adapter.ts";
import type { HubError } from "@vextir/context-hub/rpc/hub-error.ts";
import type { Call, Implementation } from "@vextir/context-hub/rpc/serve.ts";
import { hubErrorOf } from "@vextir/context-hub/rpc/status.ts";
import { hubSchema } from "@vextir/context-hub/schema/migrate.ts";
import { hubOf } from "@vextir/context-hub/serving/hub.ts";
import { type Database, migrate } from "@vextir/database";
import { ContextHubService } from "@vextir/proto/contexthub/v1/context_hub_pb.js";
import type { Home } from "../../fixtures/database-home.ts";
import { randomness } from "../../fixtures/randomness.ts";
import { homes, SaidPolicy } from "./world.ts";

/** Requests without a database; a thirtieth of them with one. A million was run once: docs/benchmarks.md. */
const RUNS = Number(process.env["VEXTIR_FUZZ_RUNS"] ?? 6_000);
const TEXTS = [
  "",
  "a",
  "a/b",
  "conformance",
  "conformance/x",
  "../etc",
  "a\0b",
  "' or 1=1 --",
  '"',
  "\\",
  "*",
  "foo*",
  "-a",
  "or",
  "& | !",
  "<->",
  "🦉",
  "\ud83e",
  "％",
  "en",
  "de",
  "x".repeat(501),
  "[".repeat(10_000),
  '{"a":1}',
  "%_",
  "$1",
  "NaN",
  "9".repeat(30),
  "1",
  "0",
  "00000000-0000-4000-8000-000000000000",
  "\u202e",
  "İ",
  "\uE0A0a\uE0A1",
  "a:*b'",
  "user",
  "anna",
  "\r\n",
];
const NUMBERS = [0, 1, -1, 2, 50, 200, 201, 2 ** 31 - 1, -(2 ** 31)];
const FLOATS = [0, 1, -1, 0.5, 1e308, Number.NaN, Number.POSITIVE_INFINITY, 11];
const ANSWERS = new Set([
  "INVALID_ARGUMENT",
  "NOT_FOUND",
  "ALREADY_EXISTS",
  "PERMISSION_DENIED",
  "FAILED_PRECONDITION",
  "RESOURCE_EXHAUSTED",
  "ABORTED",
  "CANCELLED",
]);

class Requests {
  readonly #random: () => number;
  constructor(seed: number) {
    this.#random = randomness(seed);
  }

  pick = <T>(from: readonly T[]): T => from[Math.floor(this.#random() * from.length)] as T;

  bytes(method: DescMethod): Buffer {
    const bytes = Buffer.from(
      toBinary(method.input, create(method.input, this.#message(method.input, 0) as never)),
    );
    if (this.#random() < 0.1 && bytes.length > 0)
      for (let i = 0; i < 3; i++)
        bytes[Math.floor(this.#random() * bytes.length)] = Math.floor(this.#random() * 256);
    return bytes;
  }

  #message(schema: DescMessage, depth: number): object {
    const entries = schema.fields
      .filter((field) => field.oneof === undefined && this.#random() < 0.75 && depth < 6)
      .map((field) => [field.localName, this.#field(field, depth)] as const);
    return Object.fromEntries(entries.filter(([, value]) => value !== undefined));
  }

  #field(field: DescField, depth: number): unknown {
    const count = Math.floor(this.#random() * 3);
    if (field.fieldKind === "map")
      return Object.fromEntries(
        Array.from({ length: count }, () => [this.pick(TEXTS).slice(0, 50), this.pick(FLOATS)]),
      );
    if (field.fieldKind === "list") return Array.from({ length: count }, () => this.#single(field, depth));
    return this.#single(field, depth);
  }

  #single(field: DescField, depth: number): unknown {
    const message = field.message;
    if (message?.typeName === "google.protobuf.Struct") return this.#json(0);
    if (message) return this.#message(message, depth + 1);
    if (field.enum) return this.pick([0, 1, 2, 3, 4, 99]);
    const scalar = "scalar" in field ? field.scalar : undefined;
    if (scalar === ScalarType.STRING) return this.#text();
    if (scalar === ScalarType.BOOL) return this.#random() < 0.5;
    if (scalar === ScalarType.INT64) return BigInt(this.pick(NUMBERS)) * this.pick([1n, 1n, 2n ** 31n]);
    return this.pick(scalar === ScalarType.DOUBLE ? FLOATS : NUMBERS);
  }

  #text(): string {
    const text = this.#random() < 0.3 ? this.pick(TEXTS) + this.pick(TEXTS) : this.pick(TEXTS);
    return text.toWellFormed();
  }

  #json(depth: number): object {
    const value = () =>
      depth < 5 && this.#random() < 0.4
        ? this.#json(depth + 1)
        : this.pick<unknown>([null, 1, "a", "\0", true, [1], {}]);
    return Object.fromEntries(
      [this.pick(["a", "b", "__proto__x", "\0", "é"]), "k"].map((key) => [key, value()]),
    );
  }
}

async function run(hub: Implementation, method: DescMethod, bytes: Buffer[]): Promise<HubError | undefined> {
  const call: Call = {
    caller: { tenant: "alpha", driver: "full", uid: "", user: "anna" },
    // A watch ends when it has told what is there.
    signal: AbortSignal.abort(),
  };
  const of = hub[method.localName as keyof Implementation] as (request: unknown, call: Call) => unknown;
  try {
    if (method.methodKind === "client_streaming")
      await of(
        (async function* () {
          for (const one of bytes) yield read(method, one);
        })(),
        call,
      );
    else {
      const answer = of(read(method, bytes[0] ?? Buffer.alloc(0)), call);
      if (method.methodKind === "unary") await answer;
      else for await (const _ of answer as AsyncIterable<unknown>);
    }
    return undefined;
  } catch (error) {
    return hubErrorOf(error);
  }
}

async function fuzz(hub: Implementation, runs: number, seed: number): Promise<Map<string, number>> {
  const requests = new Requests(seed);
  const answers = new Map<string, number>();
  for (let i = 0; i < runs; i++) {
    const method = requests.pick(ContextHubService.methods);
    const bytes = Array.from({ length: 2 }, () => requests.bytes(method));
    const error = await run(hub, method, bytes);
    const code = error?.code ?? "OK";
    if (error && !ANSWERS.has(error.code))
      throw new Error(`${method.name} ${bytes.map((one) => one.toString("hex").slice(0, 2_000))}`, {
        cause: error,
      });
    answers.set(code, (answers.get(code) ?? 0) + 1);
  }
  return answers;
}

const policy = new SaidPolicy();
for (const users of ["All", "Caller"] as const)
  policy.grants.set("alpha/full", [
    ...(policy.grants.get("alpha/full") ?? []),
    {
      collection: users === "All" ? "conformance" : "a",
      verbs: ["read", "write", "search", "synthesize"],
      users,
    },
  ]);
const access = new Access(policy);
let home: Home;
let database: Database;

beforeAll(async () => {
  home = await (homes["PGlite"] as () => Promise<Home>)();
  database = await home.open("fuzz");
  await migrate(database, hubSchema("fuzz"));
});
afterAll(async () => {
  await database.close();
  await home.remove();
});

test(
  "no request makes the hub fail, whatever it holds",
  async () => {
    const nothing: Database = {
      query: async () => [],
      execute: async () => {},
      transaction: (work) => work(nothing),
      close: async () => {},
    };
    const answers = await fuzz(hubOf({ store: new Store(nothing, "fuzz"), access }), RUNS, 1);
    expect(answers.get("INVALID_ARGUMENT")).toBeGreaterThan(0);
    expect(answers.get("OK")).toBeGreaterThan(0);
  },
  240_000 + RUNS,
);

test(
  "nor does the database refuse what passed",
  async () => {
    const runs = Math.ceil(RUNS / 30);
    const answers = await fuzz(hubOf({ store: new Store(database, "fuzz"), access }), runs, 2);
    expect(answers.get("OK")).toBeGreaterThan(0);
  },
  240_000 + RUNS,
);
