import { status } from "@grpc/grpc-js";
import { expect } from "@jest/globals";
import { SearchMode, type SearchResponse } from "@vextir/proto/contexthub/v1/context_hub_pb.js";
import { ContentType } from "@vextir/proto/contexthub/v1/documents_pb.js";
import { toldBy } from "./client.ts";
import type { Cases, Tools } from "./suite.ts";

const TEXTS = {
  owls: "Owls hunt at night. Their wings are silent, and mice rarely hear them coming.",
  larks: "Larks sing in the morning, high above the fields.",
  barns: "The old barn stands at the edge of the wood. An owl lives under its roof.",
  Fahrrad: "Das Fahrrad steht im Keller. Die Reifen müssen aufgepumpt werden.",
};

async function library({ hub, full, note }: Tools) {
  for (const [title, content] of Object.entries(TEXTS))
    await hub.unary("createDocument", full, {
      document: note({ title, content, language: title === "Fahrrad" ? "de" : "en" }),
    });
}

const titlesOf = (answer: SearchResponse) => answer.results.map(({ document }) => document?.title);

export const searchCases: Cases = {
  "finds by words, by their stems, by phrases, and without what is excluded": async (tools) => {
    const { hub, full, user } = tools;
    await library(tools);
    const find = async (query: string) =>
      titlesOf(await hub.unary("search", full, { query, filter: { users: [user] }, mode: SearchMode.TEXT }));
    expect(new Set(await find("owl"))).toEqual(new Set(["owls", "barns"]));
    await expect(find("owl -barn")).resolves.toEqual(["owls"]);
    await expect(find('"edge of the wood"')).resolves.toEqual(["barns"]);
    await expect(find('"wood of the edge"')).resolves.toEqual([]);
    await expect(find("morn*")).resolves.toEqual(["larks"]);
    await expect(find("sing or aufgepumpt")).resolves.toHaveLength(2);
    await expect(find("Fahrräder Keller")).resolves.toEqual(["Fahrrad"]);
  },

  "a misspelt word finds what it is like, and says so": async (tools) => {
    const { hub, full, user } = tools;
    await library(tools);
    const answer = await hub.unary("search", full, { query: "feilds", filter: { users: [user] } });
    expect([titlesOf(answer), answer.corrected]).toEqual([["larks"], true]);
  },

  "shows the passage, where it is, and what of it matched": async ({ hub, full, user, note }) => {
    const filler = "Nothing of note 🦉 happened on this day. ".repeat(200);
    const content = `${filler}\n\nThen the zeppelin landed, and everybody ran.\n\n${filler}`;
    await hub.unary("createDocument", full, { document: note({ title: "a long one", content }) });
    const { results } = await hub.unary("search", full, { query: "zeppelin", filter: { users: [user] } });
    const passage = results[0]?.passage;
    expect(results[0]?.document?.content).toBe("");
    const points = [...content];
    expect(points.slice(passage?.start, passage?.end).join("")).toBe(passage?.text);
    const marked = passage?.highlights.map(({ start, end }) => [...passage.text].slice(start, end).join(""));
    expect(marked).toEqual(["zeppelin"]);
    expect(passage?.text.length).toBeLessThan(2_000);
  },

  "each score is made of its parts": async (tools) => {
    const { hub, full, user, collection, note } = tools;
    await library(tools);
    const below = `${collection}/below`;
    await hub.unary("createDocument", full, {
      document: note({ title: "light", content: "owl", collection: below }),
    });
    const { results } = await hub.unary("search", full, {
      query: "owl",
      filter: { users: [user] },
      mode: SearchMode.TEXT,
      collectionWeights: { [collection]: 2, [below]: 0.5 },
      recency: { weight: 1 },
    });
    expect(results).toHaveLength(3);
    for (const { score, document } of results) {
      expect(score?.collectionWeight).toBe(document?.collection === below ? 0.5 : 2);
      expect(score?.recency).toBeCloseTo(1, 2);
      const { textRank = 0, collectionWeight = 0, recency = 0 } = score ?? {};
      expect(score?.value).toBeCloseTo((1 / (60 + textRank)) * collectionWeight * (1 + recency), 10);
    }
    expect(results.at(-1)?.document?.title).toBe("light");
  },

  "filters what is searched, and what is deleted or changed is no longer found": async (tools) => {
    const { hub, full, user, note } = tools;
    const write = async (more: Parameters<Tools["note"]>[0]) => {
      const { written } = await hub.unary("createDocument", full, { document: note(more) });
      return written?.id ?? "";
    };
    const find = async (filter: object, query = "kiwi") =>
      titlesOf(await hub.unary("search", full, { query, filter: { users: [user], ...filter } })).sort();
    const a = await write({ title: "a", content: "kiwi", metadata: { kind: "bird" } });
    await write({ title: "b", content: '"kiwi"', contentType: ContentType.JSON });
    await expect(find({})).resolves.toEqual(["a", "b"]);
    await expect(find({ metadata: { kind: "bird" } })).resolves.toEqual(["a"]);
    await expect(find({ contentTypes: [ContentType.JSON] })).resolves.toEqual(["b"]);
    await expect(find({ collections: ["nowhere"] })).resolves.toEqual([]);
    await hub.unary("updateDocument", full, { id: a, document: note({ title: "a", content: "emu" }) });
    await expect(find({})).resolves.toEqual(["b"]);
    await expect(find({}, "emu")).resolves.toEqual(["a"]);
    await hub.unary("deleteDocument", full, { id: a });
    await expect(find({}, "emu")).resolves.toEqual([]);
  },

  "nobody finds what he may not": async (tools) => {
    const { hub, target, user, note, full } = tools;
    await library(tools);
    await hub.unary("createDocument", full, {
      document: note({ collection: "conformance/open", title: "open", content: "owl" }),
    });
    const request = { query: "owl", filter: { users: [user] } };
    await expect(hub.unary("search", target.as("foreign"), request)).resolves.toMatchObject({ results: [] });
    expect(titlesOf(await hub.unary("search", target.as("reader"), request))).toEqual(["open"]);
    expect(titlesOf(await hub.unary("search", target.as("own", "anna"), request))).toEqual([]);
    for (const role of ["ungranted", "writer"] as const)
      expect((await toldBy(hub.unary("search", target.as(role), request))).code).toBe(
        status.PERMISSION_DENIED,
      );
    const synthesis = hub.collect("synthesize", target.as("reader"), request);
    expect((await toldBy(synthesis)).code).toBe(status.PERMISSION_DENIED);
  },

  "no question is a syntax error": async ({ hub, full, user }) => {
    const hostile = [
      "'",
      '"',
      '"""',
      "& | ! ( )",
      "a & | b",
      "foo:*",
      "' or 1=1 --",
      "\\",
      "*",
      "-",
      "- -a",
      "<->",
      "🦉",
      "%_",
      "a".repeat(1_000),
      "((((",
      "$1",
      "'a':*AB",
      "or or or",
      '-"a b" *',
    ];
    for (const query of hostile)
      await expect(hub.unary("search", full, { query, filter: { users: [user] } })).resolves.toBeDefined();
    const wrong: [string, object][] = [
      ["query", { query: "" }],
      ["query", { query: "a\0b" }],
      ["query", { query: "q".repeat(1_001) }],
      ["limit", { query: "a", limit: 101 }],
      ["mode", { query: "a", mode: 9 }],
      ["language", { query: "a", language: "klingon" }],
      ["recency.weight", { query: "a", recency: { weight: Number.NaN } }],
      ["recency.half_life", { query: "a", recency: { halfLife: { seconds: -1n, nanos: 0 } } }],
      ["collection_weights", { query: "a", collectionWeights: { "../x": 1 } }],
      ["collection_weights", { query: "a", collectionWeights: { x: -1 } }],
    ];
    for (const [field, request] of wrong)
      expect(await toldBy(hub.unary("search", full, request))).toMatchObject({
        code: status.INVALID_ARGUMENT,
        fields: [field],
      });
  },

  "answers from what it found, and cites it": async (tools) => {
    const { hub, full, user } = tools;
    await library(tools);
    const parts = await hub.collect("synthesize", full, {
      query: "Where does an owl live?",
      filter: { users: [user] },
    });
    const kinds = parts.map(({ part }) => part.case);
    expect(kinds.at(-1)).toBe("summary");
    expect(kinds.indexOf("text")).toBeGreaterThan(kinds.lastIndexOf("citation"));
    const cited = new Set(parts.flatMap(({ part }) => (part.case === "citation" ? [part.value.number] : [])));
    const text = parts.map(({ part }) => (part.case === "text" ? part.value : "")).join("");
    const numbers = [...text.matchAll(/\[(\d+)\]/g)].map(([, number]) => Number(number));
    expect(numbers.length).toBeGreaterThan(0);
    for (const number of numbers) expect(cited).toContain(number);
  },

  "a hub without an embedding model refuses vectors": async ({ hub, full, target }) => {
    const call = hub.unary("search", full, { query: "owl", mode: SearchMode.VECTOR });
    if (target.vectors) await call;
    else
      expect(await toldBy(call)).toMatchObject({
        code: status.FAILED_PRECONDITION,
        preconditions: ["EMBEDDING_MODEL"],
      });
  },
};
