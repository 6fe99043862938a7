import { expect, test } from "@jest/globals";
import type { Candidate } from "./candidates.ts";
import { nearest } from "./correction.ts";
import { fuse } from "./fusion.ts";
import { CLOSE, marksOf, OPEN } from "./highlights.ts";
import { queryOf } from "./query.ts";

const NOW = Date.UTC(2026, 0, 31);
const DAY_MS = 86_400_000;
const found = (id: string, collection = "notes", ageDays = 0): Candidate => ({
  id,
  ordinal: 0,
  collection,
  updatedAt: new Date(NOW - ageDays * DAY_MS),
  score: 0.5,
});
const plain = { collections: {}, recency: { halfLifeMs: 30 * DAY_MS, weight: 0 }, nowMs: NOW };
const ids = (all: { id: string }[]) => all.map(({ id }) => id);

test("what both ways find comes before what one of them finds first", () => {
  const fused = fuse([found("a"), found("both")], [found("b"), found("both")], plain);
  expect(ids(fused)).toEqual(["both", "a", "b"]);
  expect(fused[0]).toMatchObject({ textRank: 2, vectorRank: 2, value: 2 / 62 });
});

test("the nearest collection's weight counts", () => {
  const collections = { mail: 3, "mail/junk": 0 };
  const fused = fuse([found("a", "mail/junk/x"), found("b", "notes"), found("c", "mail/inbox")], [], {
    ...plain,
    collections,
  });
  expect(ids(fused)).toEqual(["c", "b", "a"]);
  expect(fused.map((one) => one.collectionWeight)).toEqual([3, 1, 0]);
});

test("what is newer gains, half as much at the half-life", () => {
  const recency = { halfLifeMs: 30 * DAY_MS, weight: 1 };
  const fused = fuse([found("old", "x", 30), found("new", "x", 0)], [], { ...plain, recency });
  expect(ids(fused)).toEqual(["new", "old"]);
  expect(fused.map((one) => one.recency)).toEqual([1, 0.5]);
});

test("marks are counted in code points of the text without them", () => {
  expect(marksOf(`🦉 ${OPEN}owl${CLOSE} and ${OPEN}🦉${CLOSE}`, "🦉 owl and 🦉")).toEqual([
    { start: 2, end: 5 },
    { start: 10, end: 11 },
  ]);
  expect(marksOf(`${OPEN}a${CLOSE}${OPEN}`, `a${OPEN}`)).toEqual([]);
});

test.each([
  { text: "owl nigh* -day", web: "owl  -day", prefixes: ["nigh"], words: ["owl"] },
  { text: '"a phrase*" or (Word), 42', web: '"a phrase*" or (Word), 42', prefixes: [], words: ["word"] },
  { text: '"never closed wor*', web: '"never closed wor*', prefixes: [], words: [] },
])("takes $text apart", ({ text, ...want }) => {
  expect(queryOf(text)).toEqual(want);
});

test.each([
  { word: "feilds", likely: ["fields", "field", "feels"], alike: ["fields", "field", "feels"] },
  { word: "mornng", likely: ["morning", "mornings"], alike: ["morning", "mornings"] },
  { word: "owl", likely: ["owls", "bowl", "foul"], alike: ["owls", "bowl"] },
  { word: "known", likely: ["knows", "known"], alike: ["known"] },
])("$word is like $alike", ({ word, likely, alike }) => {
  expect(new Set(nearest(word, likely))).toEqual(new Set(alike));
});
