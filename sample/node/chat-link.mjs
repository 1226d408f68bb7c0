// Prints a link that opens the chat as one user: `node chat-link.mjs alice`. Needs nothing but the environment.

import { createHmac } from "node:crypto";
import { fileURLToPath } from "node:url";

const { CHAT_GATEWAY_URL, CHAT_SIGNING_SECRET, CHAT_SYSTEM_ID } = process.env;

const part = (value) => Buffer.from(JSON.stringify(value)).toString("base64url");

export function chatToken(userId, seconds = 3600) {
  const now = Math.floor(Date.now() / 1000);
  const claims = { system_id: CHAT_SYSTEM_ID, user_id: userId, iat: now, exp: now + seconds };
  const signed = `${part({ alg: "HS256", typ: "JWT" })}.${part(claims)}`;
  return `${signed}.${createHmac("sha256", CHAT_SIGNING_SECRET).update(signed).digest("base64url")}`;
}

export function chatLink(userId, options = {}) {
  return `${CHAT_GATEWAY_URL}/chat?${new URLSearchParams({ token: chatToken(userId), ...options })}`;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  if (process.argv.length !== 3) {
    console.error("Usage: node chat-link.mjs USER_ID");
    process.exit(1);
  }
  console.log(chatLink(process.argv[2]));
}
