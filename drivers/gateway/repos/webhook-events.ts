import { z } from "zod";
import type { Provider } from "./signature.ts";

/** What a webhook says, as an event of the catalogue. */
export interface RepoEvent {
  type: string;
  data: { repo: { url: string; provider: Provider; name: string } } & Record<string, unknown>;
}

const Url = z.string().min(1).max(4_096);
const Name = z
  .string()
  .min(1)
  .transform((text) => text.slice(0, 1_024));
const Person = z.looseObject({ login: Name });
const Sha = z.string().max(128);
const Commit = z
  .looseObject({
    id: z.string().min(1).max(512),
    message: z.string().transform((text) => text.slice(0, 65_536)),
    timestamp: z.iso.datetime({ offset: true }).optional().catch(undefined),
    url: Url.optional().catch(undefined),
  })
  .transform(({ id, message, timestamp, url }) => ({
    id,
    message,
    ...(timestamp !== undefined && { timestamp }),
    ...(url !== undefined && { url }),
  }));
const Commits = z.array(Commit).max(10_000).nullish();

const Hub = z.looseObject({
  repository: z.looseObject({ clone_url: Url, full_name: Name }),
  sender: Person.optional(),
});
const HubPush = z.looseObject({ ref: Name, before: Sha, after: Sha, commits: Commits });
const HubChange = z.looseObject({
  action: z.string(),
  pull_request: z.looseObject({
    number: z.int(),
    title: Name,
    html_url: Url,
    body: z.string().nullish(),
    user: Person,
    merged: z.boolean().nullish(),
    merge_commit_sha: z.string().nullish(),
    head: z.looseObject({ ref: Name }),
    base: z.looseObject({ ref: Name }),
  }),
});
const HubIssue = z.looseObject({
  action: z.string(),
  issue: z.looseObject({
    number: z.int(),
    title: Name,
    html_url: Url,
    body: z.string().nullish(),
    user: Person,
  }),
});

const Lab = z.looseObject({
  project: z.looseObject({ git_http_url: Url, path_with_namespace: Name }),
  user: z.looseObject({ username: Name }).optional(),
  user_username: Name.optional(),
});
const LabPush = HubPush;
const LabThing = z.looseObject({
  object_attributes: z.looseObject({
    iid: z.int(),
    title: Name,
    url: Url,
    description: z.string().nullish(),
    action: z.string().optional(),
    source_branch: Name.optional(),
    target_branch: Name.optional(),
    merge_commit_sha: z.string().nullish(),
  }),
});

/** Undefined: nothing that the catalogue has a type for. @throws ZodError when the body is not what the provider sends. */
export function repoEvent(provider: Provider, kind: string, body: unknown): RepoEvent | undefined {
  return provider === "gitlab" ? ofLab(kind, body) : ofHub(provider, kind, body);
}

function ofHub(provider: "github" | "gitea", kind: string, body: unknown): RepoEvent | undefined {
  if (!["push", "pull_request", "issues"].includes(kind)) return undefined;
  const { repository, sender } = Hub.parse(body);
  const base = {
    repo: { url: repository.clone_url, provider, name: repository.full_name },
    ...(sender && { actor: sender.login }),
  };
  if (kind === "push") return pushed(base, HubPush.parse(body));
  if (kind === "pull_request") {
    const { action, pull_request: change } = HubChange.parse(body);
    const type = changeType(action, change.merged === true);
    if (type === undefined) return undefined;
    const { number, title, html_url: url, user, head, base: target } = change;
    const refs = { author: user.login, sourceBranch: head.ref, targetBranch: target.ref };
    return {
      type,
      data: { ...base, number, title, url, ...refs, ...further(type, change.body, change.merge_commit_sha) },
    };
  }
  const { action, issue } = HubIssue.parse(body);
  if (action !== "opened" && action !== "closed") return undefined;
  const { number, title, html_url: url, user } = issue;
  const type = `repo.issue.${action}`;
  return { type, data: { ...base, number, title, url, author: user.login, ...further(type, issue.body) } };
}

function ofLab(kind: string, body: unknown): RepoEvent | undefined {
  if (!["Push Hook", "Tag Push Hook", "Merge Request Hook", "Issue Hook"].includes(kind)) return undefined;
  const { project, user, user_username } = Lab.parse(body);
  const actor = user?.username ?? user_username;
  const base = {
    repo: { url: project.git_http_url, provider: "gitlab" as const, name: project.path_with_namespace },
    ...(actor !== undefined && { actor }),
  };
  if (kind.endsWith("Push Hook")) return pushed(base, LabPush.parse(body));
  const { object_attributes: thing } = LabThing.parse(body);
  const { iid: number, title, url, source_branch: sourceBranch, target_branch: targetBranch } = thing;
  const common = { ...base, number, title, url };
  if (kind === "Issue Hook") {
    if (thing.action !== "open" && thing.action !== "close") return undefined;
    const type = thing.action === "open" ? "repo.issue.opened" : "repo.issue.closed";
    return { type, data: { ...common, ...further(type, thing.description) } };
  }
  const type = changeType(thing.action ?? "", false);
  if (type === undefined) return undefined;
  const refs = { sourceBranch, targetBranch };
  return { type, data: { ...common, ...refs, ...further(type, thing.description, thing.merge_commit_sha) } };
}

const TAG = "refs/tags/";
const isNothing = (sha: string) => /^0*$/.test(sha);

function pushed(
  base: RepoEvent["data"],
  { ref, before, after, commits }: z.output<typeof HubPush>,
): RepoEvent | undefined {
  if (!ref.startsWith(TAG))
    return { type: "repo.pushed", data: { ...base, ref, before, after, commits: commits ?? [] } };
  if (isNothing(after)) return undefined;
  return { type: "repo.tag.created", data: { ...base, tag: ref.slice(TAG.length), commit: after } };
}

function changeType(action: string, merged: boolean): string | undefined {
  if (action === "opened" || action === "open") return "repo.change.opened";
  if (["synchronize", "synchronized", "edited", "update"].includes(action)) return "repo.change.updated";
  if (action === "merge" || (action === "closed" && merged)) return "repo.change.merged";
  return action === "closed" || action === "close" ? "repo.change.closed" : undefined;
}

function further(type: string, text?: string | null, commit?: string | null) {
  if (type.endsWith(".opened") && text) return { text: text.slice(0, 1_048_576) };
  return type.endsWith(".merged") && commit ? { commit } : {};
}
