import { entry } from "../entry.ts";
import { fault, id, name, requestId, text, url, userId } from "../parts.ts";

const channel = name.describe("email, push, sms, web, …").optional();

export default [
  entry("notification.requested", "A user is to be told something.", {
    title: name,
    text: text.optional(),
    channel,
    priority: name.describe("low, normal, high or urgent.").optional(),
    url: url.optional(),
    userId,
  }),
  entry("notification.sent", "A user was told.", {
    notificationId: id.optional(),
    requestId,
    channel,
    userId,
  }),
  entry("notification.read", "A user has seen it.", { notificationId: id, userId }),
  entry("notification.failed", "A user could not be told.", { requestId, channel, error: fault, userId }),
];
