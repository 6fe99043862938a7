/** An event as the ledger answers with it. */
export const recorded = (id: string, changes: object = {}) => ({
  id,
  type: "a.b",
  publisher: "assistant",
  source: "/a",
  time: "2026-01-01T00:00:00Z",
  storedAt: "2026-01-01T00:00:00.000Z",
  correlationId: "c",
  hops: 0,
  extensions: {},
  sequence: 1,
  size: 7,
  data: { n: 1 },
  ...changes,
});
