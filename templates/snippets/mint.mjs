{% autoescape off %}import { createHmac } from "node:crypto";

const base64url = (value) => Buffer.from(JSON.stringify(value)).toString("base64url");
const now = Math.floor(Date.now() / 1000);

const header = { alg: "HS256", typ: "JWT"{% if kid %}, kid: {{ kid }}{% endif %} };
const claims = {
  system_id: "{{ system_id }}",
  user_id: "alice",{% if issuer %}
  iss: {{ issuer }},{% endif %}{% if audience %}
  aud: {{ audience }},{% endif %}
  iat: now,
  exp: now + 3600,
};
const signed = `${base64url(header)}.${base64url(claims)}`;
const signature = createHmac("sha256", process.env.CHAT_SIGNING_SECRET).update(signed).digest("base64url");
console.log(`${signed}.${signature}`);
{% endautoescape %}
