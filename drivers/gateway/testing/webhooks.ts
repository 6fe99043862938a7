import { createHmac } from "node:crypto";
import type { Provider } from "../repos/signature.ts";

const SECRET = "a secret of the tests alone";

export const SECRETS = {
  githubWebhookSecret: SECRET,
  gitlabWebhookToken: SECRET,
  giteaWebhookSecret: SECRET,
};

/** Headers as the provider sends them with this body. */
export function signed(provider: Provider, kind: string, payload: string): Record<string, string> {
  const digest = createHmac("sha256", SECRET).update(payload).digest("hex");
  if (provider === "gitlab") return { "x-gitlab-event": kind, "x-gitlab-token": SECRET };
  if (provider === "gitea") return { "x-gitea-event": kind, "x-gitea-signature": digest };
  return { "x-github-event": kind, "x-hub-signature-256": `sha256=${digest}` };
}

const commits = [
  { id: "1234abcd", message: "docs: words", timestamp: "2026-01-01T00:00:00+01:00", author: {} },
];
const push = { ref: "refs/heads/main", before: "0".repeat(40), after: "1".repeat(40), commits };
const hub = {
  ...push,
  repository: { clone_url: "https://git.example.org/ada/engine.git", full_name: "ada/engine", private: true },
  sender: { login: "ada", id: 1 },
};

export const PUSHES: Record<Provider, object> = {
  github: hub,
  gitea: hub,
  gitlab: {
    ...push,
    object_kind: "push",
    user_username: "ada",
    project: {
      git_http_url: "https://git.example.org/ada/engine.git",
      path_with_namespace: "ada/engine",
    },
  },
};
