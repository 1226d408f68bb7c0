// The contract's calls over HTTP, with the credentials that the socket has too.

import { data } from "../chat/data.js";

export function listRooms(credentials) {
  return call("rooms/", credentials);
}

export function createRoom(credentials, name) {
  return call("create-room/", credentials, { name, post_id: "" });
}

/** The room, with its messages. */
export function readRoom(credentials, id) {
  return call(`room/${encodeURIComponent(id)}/`, credentials);
}

export async function tokenFor(who) {
  const headers = { "X-CSRFToken": data.csrf };
  return (await answer(fetch(data.tokens, { method: "POST", headers, body: new URLSearchParams(who) }))).token;
}

function call(path, { token, ...identity }, body) {
  const address = `${data.api}${path}?${new URLSearchParams(identity)}`;
  const headers = token ? { Authorization: `Bearer ${token}` } : {};
  if (!body) return answer(fetch(address, { headers, credentials: "omit" }));
  headers["Content-Type"] = "application/json";
  return answer(fetch(address, { method: "POST", headers, credentials: "omit", body: JSON.stringify(body) }));
}

async function answer(asked) {
  const response = await asked.catch(() => {
    throw new Error("The gateway cannot be reached.");
  });
  const body = await response.json().catch(() => ({}));
  if (response.ok) return body;
  const fields = Object.entries(body.errors ?? {}).map(([name, why]) => `${name}: ${[why].flat().join(" ")}`);
  throw new Error([body.detail ?? `The gateway answered ${response.status}.`, ...fields].join(" "));
}
