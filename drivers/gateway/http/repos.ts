import { createHash } from "node:crypto";
import type { FastifyInstance, FastifyRequest } from "fastify";
import { z } from "zod";
import { challenge } from "../access/authentication.ts";
import { authorized } from "../access/authorize.ts";
import type { Principal } from "../access/grant.ts";
import { parseJson } from "../cloudevents/json.ts";
import { Problem } from "../problem.ts";
import { isGenuine, type Provider } from "../repos/signature.ts";
import { type RepoEvent, repoEvent } from "../repos/webhook-events.ts";
import { Places } from "./places.ts";
import type { ServerParts } from "./server.ts";

const Registration = z.strictObject({
  url: z
    .string()
    .max(2_048)
    // What is written here is stored, and shown to others.
    .regex(
      /^(https|ssh):\/\/([\w.-]+@)?[\w.-]+(:\d+)?\/[^\s?#]+$/,
      "must be an https or ssh URL, without a password",
    ),
  provider: z.string().min(1).max(64).optional(),
  name: z.string().min(1).max(256).optional(),
  defaultBranch: z.string().min(1).max(256).optional(),
});

/** A webhook that was taken is known by its body for so long, whatever its other headers say. */
const REPLAY_MS = 604_800_000;
const PROVIDERS: Record<Provider, { kind: string }> = {
  github: { kind: "x-github-event" },
  gitlab: { kind: "x-gitlab-event" },
  gitea: { kind: "x-gitea-event" },
};

const digest = (...parts: (string | Uint8Array)[]) => {
  const hash = createHash("sha256");
  for (const part of parts) hash.update(part).update("\0");
  return hash.digest("hex");
};
const bodyOf = ({ body }: FastifyRequest) => (body instanceof Uint8Array ? body : new Uint8Array(0));

/** `POST /api/repos` and what the repositories' hosts tell: `POST /webhooks/<provider>`. */
export function addRepos(server: FastifyInstance, parts: ServerParts): void {
  const { access, acceptance, config } = parts;
  const places = new Places(config.maxRequests);
  for (const path of ["/api/repos", "/api/RegisterRepo"])
    server.post(path, {
      onRequest: async (request, reply) => {
        places.enter(request, reply);
        await access.identify(request);
      },
      handler: async (request, reply) => {
        const principal = access.principalOf(request);
        const { defaultBranch, ...repo } = registrationOf(request);
        const user = principal.userId;
        const repoId = digest(repo.url, user ?? "").slice(0, 32);
        const data = {
          repoId,
          repo,
          ...(defaultBranch !== undefined && { defaultBranch }),
          ...(user !== undefined && { userId: user }),
        };
        const event = {
          type: "repo.registered",
          id: `repo-${repoId}`,
          source: "/api/repos",
          data,
          extensions: {},
        };
        const accepted = await acceptance.accept(
          authorized(event, principal),
          principal,
          places.claim(request),
        );
        return reply.code(202).send({ ...accepted, repoId });
      },
    });
  const { githubWebhookSecret: github, gitlabWebhookToken: gitlab, giteaWebhookSecret: gitea } = config;
  for (const [provider, secret] of Object.entries({ github, gitlab, gitea }) as [Provider, string?][])
    if (secret !== undefined) addWebhook(server, parts, places, provider, secret);
}

function addWebhook(
  server: FastifyInstance,
  { acceptance, once }: ServerParts,
  places: Places,
  provider: Provider,
  secret: string,
): void {
  const principal: Principal = { id: `webhook:${provider}`, grants: [] };
  server.post(`/webhooks/${provider}`, {
    onRequest: async (request, reply) => places.enter(request, reply),
    handler: async (request, reply) => {
      const body = bodyOf(request);
      if (!isGenuine(provider, secret, request.headers, body))
        throw new Problem(
          "Unauthenticated",
          "the signature is missing, or not of the secret that is configured",
          {
            headers: { "www-authenticate": challenge() },
          },
        );
      const kind = String(request.headers[PROVIDERS[provider].kind] ?? "");
      const found = eventOf(provider, kind, body);
      if (!found) return reply.code(202).send({ ignored: true });
      const id = digest(provider, body);
      const source = `/webhooks/${provider}`;
      let fresh = false;
      const event = { ...found, id, source, extensions: {}, partitionKey: found.data.repo.url.slice(0, 256) };
      const accepted = await once(
        `webhook.${id}`,
        () => {
          fresh = true;
          return acceptance.accept(event, principal, places.claim(request));
        },
        { ttlMs: REPLAY_MS },
      );
      return reply.code(202).send(fresh ? accepted : { ...accepted, duplicate: true });
    },
  });
}

/** @throws Problem */
function registrationOf(request: FastifyRequest): z.output<typeof Registration> {
  const result = Registration.safeParse(parseJson(bodyOf(request), "the body"));
  if (result.success) return result.data;
  const issue = result.error.issues[0];
  const field = String(issue?.path[0] ?? (issue?.code === "unrecognized_keys" ? issue.keys[0] : "url"));
  throw new Problem("InvalidBody", `"${field}": ${issue?.message ?? "not valid"}`, {
    field,
    cause: result.error,
  });
}

/** @throws Problem */
function eventOf(provider: Provider, kind: string, body: Uint8Array): RepoEvent | undefined {
  const content = parseJson(body, "the body");
  try {
    return repoEvent(provider, kind, content);
  } catch (cause) {
    if (!(cause instanceof z.ZodError)) throw cause;
    throw new Problem("InvalidBody", `the body is not what ${provider} sends with "${kind.slice(0, 60)}"`, {
      cause,
    });
  }
}
