import { z } from "zod";
import { entry } from "../entry.ts";
import { address, count, id, name, text, time, url, userId } from "../parts.ts";

const repo = z.object({
  url: url.describe("Where it is cloned from."),
  provider: name.describe("github, gitlab, gitea, …").optional(),
  name: name.describe("<owner>/<name>").optional(),
});
const actor = name.describe("Who did it, as the provider names them.").optional();
const change = {
  repo,
  number: count,
  title: name,
  url: url.optional(),
  author: actor,
  sourceBranch: name,
  targetBranch: name,
  actor,
};
const issue = { repo, number: count, title: name, url: url.optional(), author: actor, actor };

export default [
  entry("repo.registered", "A repository was made known for a user.", {
    repoId: id,
    repo,
    defaultBranch: name.optional(),
    userId,
  }),
  entry("repo.unregistered", "A repository is no longer known.", { repoId: id, repo, userId }),
  entry("repo.pushed", "Commits arrived on a branch, or it was made or deleted.", {
    repo,
    ref: name.describe("refs/heads/…"),
    before: z.string().max(128).describe("Empty or zeros: the branch is new.").optional(),
    after: z.string().max(128).describe("Empty or zeros: the branch is gone.").optional(),
    commits: z
      .object({
        id,
        message: z.string().max(65_536),
        author: address.partial({ address: true }).optional(),
        timestamp: time.optional(),
        url: url.optional(),
      })
      .array()
      .max(10_000),
    actor,
  }),
  entry("repo.change.opened", "A pull or merge request was opened.", { ...change, text: text.optional() }),
  entry("repo.change.updated", "A pull or merge request has other commits or other words.", change),
  entry("repo.change.merged", "A pull or merge request was merged.", { ...change, commit: id.optional() }),
  entry("repo.change.closed", "A pull or merge request was closed unmerged.", change),
  entry("repo.issue.opened", "An issue was opened.", { ...issue, text: text.optional() }),
  entry("repo.issue.closed", "An issue was closed.", issue),
  entry("repo.comment.created", "Somebody commented an issue, a change or a commit.", {
    repo,
    number: count.optional(),
    commit: id.optional(),
    text,
    url: url.optional(),
    actor,
  }),
  entry("repo.tag.created", "A tag or a release was made.", {
    repo,
    tag: name,
    commit: id.optional(),
    actor,
  }),
];
