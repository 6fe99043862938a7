import { z } from "zod";
import { entry } from "../entry.ts";
import { address, count, fault, id, name, requestId, text, time, userId } from "../parts.ts";

const addresses = address.array().max(10_000);
const messageId = id.describe("The header Message-ID, or the provider's id.");
const subject = z.string().max(8_192);
const body = {
  text: text.describe("As plain text.").optional(),
  html: text.optional(),
};
const attachments = z
  .object({ name, mediaType: name.optional(), bytes: count, id: id.optional() })
  .array()
  .max(1_000)
  .optional();

export default [
  entry("email.received", "A message arrived in a mailbox.", {
    messageId,
    from: address,
    to: addresses,
    cc: addresses.optional(),
    subject: subject.optional(),
    ...body,
    receivedAt: time,
    threadId: id.optional(),
    inReplyTo: id.describe("Message-ID that it answers.").optional(),
    attachments,
    userId,
  }),
  entry("email.send.requested", "A message is to be sent.", {
    to: addresses.min(1),
    cc: addresses.optional(),
    bcc: addresses.optional(),
    from: address.optional(),
    subject,
    ...body,
    inReplyTo: id.describe("Message-ID that it answers.").optional(),
    attachments,
    userId,
  }),
  entry("email.sent", "A message was sent.", {
    messageId,
    to: addresses,
    subject: subject.optional(),
    requestId,
    userId,
  }),
  entry("email.send.failed", "A message could not be sent.", { requestId, userId, error: fault }),
];
