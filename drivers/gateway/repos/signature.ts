import { createHmac, timingSafeEqual } from "node:crypto";
import type { IncomingHttpHeaders } from "node:http";

export type Provider = "github" | "gitlab" | "gitea";

/** HMAC-SHA256 of the body as it came, in hexadecimal digits, with what stands before them. */
const SIGNED = {
  github: { header: "x-hub-signature-256", prefix: "sha256=" },
  gitea: { header: "x-gitea-signature", prefix: "" },
} as const;

/** Whether the provider, who shares the secret, sent this body. GitLab signs nothing: it sends the secret itself. */
export function isGenuine(
  provider: Provider,
  secret: string,
  headers: IncomingHttpHeaders,
  body: Uint8Array,
): boolean {
  if (provider === "gitlab") return isSame(String(headers["x-gitlab-token"] ?? ""), secret);
  const { header, prefix } = SIGNED[provider];
  const digest = createHmac("sha256", secret).update(body).digest("hex");
  return isSame(String(headers[header] ?? ""), prefix + digest);
}

/** In a time that tells nothing: digests are compared, which have one length. */
function isSame(given: string, wanted: string): boolean {
  const digest = (text: string) => createHmac("sha256", "compare").update(text).digest();
  return timingSafeEqual(digest(given), digest(wanted));
}
