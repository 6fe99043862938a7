import { Writable } from "node:stream";
import { expect, test } from "@jest/globals";
import { Printer } from "./printer.ts";
import { table } from "./text.ts";

/** What a printer wrote, with each time replaced by `TIME`. */
function printed(
  work: (printer: Printer) => void,
  options: { json?: boolean; color?: boolean } = {},
): string[] {
  let text = "";
  const out = new Writable({
    write(chunk, _encoding, done) {
      text += chunk;
      done();
    },
  });
  work(new Printer({ out, json: options.json ?? false, color: options.color ?? false, now: () => 0 }));
  return text
    .trimEnd()
    .split("\n")
    .map((line) => line.replace(/^\S+ /, "TIME "));
}

const record = (more: object) =>
  JSON.stringify({
    level: "info",
    time: "2026-01-01T00:00:00Z",
    driver: "a",
    namespace: "default",
    pod: "a-1",
    ...more,
  });

const cases = [
  {
    reason: "a record",
    line: record({ msg: "handled", type: "chat.sent", ms: 3 }),
    says: "handled type=chat.sent ms=3",
  },
  { reason: "a warning", line: record({ level: 40, msg: "slow" }), says: "warn  slow" },
  { reason: "no JSON", line: "plain text", says: "plain text" },
  { reason: "JSON that is no log", line: '{"a":1}', says: '{"a":1}' },
  { reason: "broken JSON", line: '{"msg"', says: '{"msg"' },
  { reason: "what a terminal would obey", line: "\u001b[2J\u0007gone", says: "\\x1b[2J\\x07gone" },
  { reason: "the same, within a record", line: record({ msg: "\u001b]0;x\u0007" }), says: "\\x1b]0;x\\x07" },
];
test.each(cases)("a driver's line: $reason", ({ line, says }) => {
  expect(printed((printer) => printer.line("a", line))).toEqual([`TIME a        ${says}`]);
});

test("an error with its stack, every line prefixed", () => {
  const err = { type: "Error", message: "boom", stack: "Error: boom\n    at work (a.ts:1:2)" };
  const lines = printed((printer) => printer.line("a", record({ level: 50, msg: "failed", err })));
  expect(lines).toEqual([
    "TIME a        error failed",
    "TIME a            Error: boom",
    "TIME a            at work (a.ts:1:2)",
  ]);
});

test("without colours there is no escape, with colours there is", () => {
  const work = (printer: Printer) => printer.note("a", "careful", "warn");
  expect(printed(work).join()).not.toContain("\u001b");
  expect(printed(work, { color: true }).join()).toContain("\u001b");
});

test("--json: records as they came, the rest as records", () => {
  const line = record({ msg: "handled" });
  const out: string[] = [];
  const stream = new Writable({
    write(chunk, _encoding, done) {
      out.push(String(chunk).trimEnd());
      done();
    },
  });
  const printer = new Printer({ out: stream, json: true, color: false, now: () => 0 });
  printer.line("a", line);
  printer.line("a", "plain");
  printer.note("bus", "ended", "warn");
  printer.text("for people");
  const time = "1970-01-01T00:00:00.000Z";
  expect(out[0]).toBe(line);
  expect(out.slice(1).map((text) => JSON.parse(text))).toEqual([
    { time, driver: "a", msg: "plain" },
    { level: "warn", time, source: "bus", msg: "ended" },
  ]);
});

test("a reader that doesn't read takes a bounded amount of memory", () => {
  const chunks: (() => void)[] = [];
  const out = new Writable({ write: (_chunk, _encoding, done) => void chunks.push(done) });
  const printer = new Printer({ out, json: false, color: false });
  for (let i = 0; i < 1_000; i++) printer.line("a", "x".repeat(16_000));
  expect(out.writableLength).toBeLessThan(5 * 2 ** 20);
});

test("a table's columns are aligned", () => {
  expect(
    table(
      ["NAME", "READY"],
      [
        ["assistant", "True"],
        ["x", "False"],
      ],
    ),
  ).toEqual(["NAME        READY", "assistant   True", "x           False"]);
});
