import { afterEach, describe, expect, test } from "@jest/globals";
import { TestServer } from "../testing/test-server.ts";
import { PUSHES, SECRETS, signed } from "../testing/webhooks.ts";
import { repoEvent } from "./webhook-events.ts";

let current: TestServer | undefined;
afterEach(() => current?.server.close());
const serve = (config: object = SECRETS) => {
  current = new TestServer(config);
  return current;
};
const send = (
  server: TestServer["server"],
  payload: string,
  headers: Record<string, string>,
  url = "github",
) => server.inject({ method: "POST", url: `/webhooks/${url}`, payload, headers });

describe.each(["github", "gitlab", "gitea"] as const)("%s", (provider) => {
  const payload = JSON.stringify(PUSHES[provider]);
  const headers = signed(provider, provider === "gitlab" ? "Push Hook" : "push", payload);

  test("a push becomes an event, once, however often it is sent", async () => {
    const { server, bus } = serve();
    const first = await send(server, payload, headers, provider);
    const again = await send(server, payload, { ...headers, "x-github-delivery": "another" }, provider);
    expect([first.statusCode, first.json().duplicate, again.json().duplicate]).toEqual([
      202,
      undefined,
      true,
    ]);
    expect(bus.stored).toMatchObject([
      {
        type: "repo.pushed",
        data: {
          repo: { url: "https://git.example.org/ada/engine.git", provider, name: "ada/engine" },
          ref: "refs/heads/main",
          actor: "ada",
          commits: [{ id: "1234abcd", message: "docs: words" }],
        },
      },
    ]);
  });

  test.each([
    { reason: "no proof", change: () => ({}) },
    {
      reason: "another's proof",
      change: () =>
        Object.fromEntries(
          Object.entries(headers).map(([name, value]) => [
            name,
            value.replace(/.$/, (x) => (x === "0" ? "1" : "0")),
          ]),
        ),
    },
  ])("refused: $reason", async ({ change }) => {
    const { server, bus } = serve();
    expect((await send(server, payload, change(), provider)).statusCode).toBe(401);
    expect(bus.stored).toEqual([]);
  });

  test("without a secret there is no such webhook", async () => {
    expect((await send(serve({}).server, payload, headers, provider)).statusCode).toBe(404);
  });
});

test("a signature is of the bytes as they came", async () => {
  const { server } = serve();
  const payload = JSON.stringify(PUSHES.github);
  expect((await send(server, `${payload}\n`, signed("github", "push", payload))).statusCode).toBe(401);
});

const hub = PUSHES.github as Record<string, unknown>;
const change = {
  number: 7,
  title: "Words",
  html_url: "https://git.example.org/ada/engine/pulls/7",
  body: "why",
  user: { login: "bob" },
  head: { ref: "words" },
  base: { ref: "main" },
};
const lab = PUSHES.gitlab as Record<string, unknown>;
const request = {
  iid: 7,
  title: "Words",
  url: "https://x",
  description: "why",
  source_branch: "words",
  target_branch: "main",
};

test.each([
  ["github", "push", { ...hub, ref: "refs/tags/v1" }, "repo.tag.created"],
  ["github", "push", { ...hub, ref: "refs/tags/v1", after: "0".repeat(40) }, undefined],
  ["github", "pull_request", { ...hub, action: "opened", pull_request: change }, "repo.change.opened"],
  ["gitea", "pull_request", { ...hub, action: "synchronized", pull_request: change }, "repo.change.updated"],
  ["github", "pull_request", { ...hub, action: "closed", pull_request: change }, "repo.change.closed"],
  [
    "github",
    "pull_request",
    { ...hub, action: "closed", pull_request: { ...change, merged: true } },
    "repo.change.merged",
  ],
  ["github", "pull_request", { ...hub, action: "labeled", pull_request: change }, undefined],
  ["gitea", "issues", { ...hub, action: "opened", issue: change }, "repo.issue.opened"],
  [
    "gitlab",
    "Merge Request Hook",
    { ...lab, object_attributes: { ...request, action: "merge" } },
    "repo.change.merged",
  ],
  [
    "gitlab",
    "Issue Hook",
    { ...lab, object_attributes: { ...request, action: "close" } },
    "repo.issue.closed",
  ],
  ["github", "star", hub, undefined],
] as const)("%s: %s", (provider, kind, body, type) => {
  expect(repoEvent(provider, kind, body)?.type).toBe(type);
});

test("a repository is registered for its sender, and no password goes along", async () => {
  const { server, bus } = serve();
  const register = (url: string) =>
    server.inject({
      method: "POST",
      url: "/api/repos",
      payload: JSON.stringify({ url, defaultBranch: "main" }),
    });
  const response = await register("https://git.example.org/ada/engine.git");
  expect([response.statusCode, response.json().repoId]).toEqual([
    202,
    expect.stringMatching(/^[0-9a-f]{32}$/),
  ]);
  expect(bus.stored).toMatchObject([{ type: "repo.registered", data: { defaultBranch: "main" } }]);
  expect((await register("https://ada:secret@git.example.org/x.git")).statusCode).toBe(400);
  expect((await register("file:///etc/passwd")).statusCode).toBe(400);
});
