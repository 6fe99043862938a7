import { expect, test } from "@jest/globals";
import pico from "picocolors";
import type { ShownLineage } from "./shapes.ts";
import { eventLine, lineageTree } from "./text.ts";

const plain = pico.createColors(false);
const event = (id: string, type: string) => ({
  id,
  type,
  publisher: "p",
  storedAt: "2026-01-01T00:00:00.000Z",
  handlings: [],
});

test("a lineage is a tree, with each handling under its event", () => {
  const handling = { driver: "worker", attempt: 1, durationMs: 1.25, outcome: "Retried", error: "not\nyet" };
  const graph: ShownLineage = {
    events: [
      event("r", "root"),
      { ...event("a", "left"), handlings: [handling] },
      event("b", "right"),
      event("c", "leaf"),
    ],
    edges: [
      { from: 0, to: 1 },
      { from: 0, to: 2 },
      { from: 1, to: 3 },
    ],
    focus: 1,
    truncated: true,
  };
  expect(lineageTree(graph, plain)).toEqual([
    "root  by p  r",
    "├─ left  by p  a ◀",
    "│  │ · worker #1 Retried 1.3 ms: not yet",
    "│  └─ leaf  by p  c",
    "└─ right  by p  b",
    "… and more",
  ]);
});

test("causes in a circle are shown once each", () => {
  const graph = {
    events: [event("a", "one"), event("b", "two")],
    edges: [
      { from: 0, to: 1 },
      { from: 1, to: 0 },
    ],
    focus: 0,
    truncated: false,
  };
  expect(lineageTree(graph, plain)).toEqual(["one  by p  a ◀", "└─ two  by p  b"]);
});

test("what drivers write does not command the terminal", () => {
  const hostile = { ...event("\u001b[2J", "a"), data: { text: "\u001b]0;title\u0007\n" } };
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for.
  expect(eventLine(hostile, plain)).not.toMatch(/[\u0000-\u001f]/);
});
