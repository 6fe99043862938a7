import { entry } from "../entry.ts";
import { id, name, time } from "../parts.ts";

const user = id.describe("The user.");
const method = name.describe("password, oidc, key, …");

export default [
  entry("auth.user.registered", "A user was made known.", {
    userId: user,
    email: name.optional(),
    name: name.optional(),
  }),
  entry("auth.user.removed", "A user is no longer known.", { userId: user }),
  entry("auth.session.started", "A user signed in.", {
    userId: user,
    method,
    sessionId: id.optional(),
    expiresAt: time.optional(),
  }),
  entry("auth.session.ended", "A user signed out, or a session ran out.", {
    userId: user,
    sessionId: id.optional(),
    reason: name.optional(),
  }),
  entry("auth.attempt.failed", "Somebody could not sign in.", {
    userId: id.describe("Whom they said to be.").optional(),
    method,
    reason: name,
  }),
  entry("auth.connection.granted", "A user let Vextir use an account elsewhere.", {
    userId: user,
    provider: name,
    scopes: name.array().max(256).optional(),
  }),
  entry("auth.connection.revoked", "A user took that back, or the provider did.", {
    userId: user,
    provider: name,
    reason: name.optional(),
  }),
];
