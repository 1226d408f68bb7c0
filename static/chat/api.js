// Calls of the gateway's API, with errors that say in plain words what happened.

import { data } from "./data.js";
import { t } from "./i18n.js";
import { expire, renewed, token } from "./token.js";

/** `code` is the API's machine word, or "network" where no answer came. `status` is 0 then. */
export class ApiError extends Error {
  constructor(code, status = 0, retryAfter = 0) {
    super(code);
    this.code = code;
    this.status = status;
    this.retryAfter = retryAfter; // seconds
  }
}

export function wordsFor(error) {
  const code = error.code === "network" && !navigator.onLine ? "offline" : error.code;
  return data.texts[`error_${code}`] ?? t("error_unknown");
}

/** `path` is below /v1/, or absolute. Answers the response; raises ApiError, or AbortError if `signal` says so. */
export async function request(method, path, { body, signal, keepalive, headers = {} } = {}, again = true) {
  const form = body instanceof FormData;
  const response = await answered(path.startsWith("/") ? path : data.api + path, {
    method,
    headers: {
      ...headers,
      Authorization: `Bearer ${token()}`,
      ...(body && !form ? { "Content-Type": "application/json" } : {}),
    },
    body: form || body === undefined ? body : JSON.stringify(body),
    credentials: "omit",
    cache: "no-store",
    referrerPolicy: "no-referrer",
    keepalive,
    signal,
  });
  if (response.ok) return response;
  const error = await refusal(response);
  if (response.status === 401) {
    const waiting = renewed();
    expire();
    if (again && (await waiting)) return request(method, path, { body, signal, keepalive, headers }, false);
  }
  throw error;
}

export async function call(method, path, options) {
  const response = await request(method, path, options);
  return response.status === 204 ? null : response.json();
}

/** A list and the address of its next page, which is empty on the last one. */
export async function page(path) {
  const response = await request("GET", path);
  const next = /<([^>]+)>;\s*rel="next"/.exec(response.headers.get("Link") ?? "");
  return { rows: await response.json(), next: next ? belowApi(next[1]) : "" };
}

/** Only path and query: behind a proxy the gateway may know itself by another name. */
function belowApi(address) {
  const { pathname, search } = new URL(address, location.href);
  return pathname + search;
}

async function answered(url, options) {
  try {
    return await fetch(url, options);
  } catch (error) {
    throw error.name === "AbortError" ? error : new ApiError("network");
  }
}

async function refusal(response) {
  let code = "unknown";
  try {
    code = (await response.json()).code ?? code;
  } catch {
    // A proxy's page, not the gateway's answer.
  }
  if (code === "unknown" && response.status >= 500) code = "server_error";
  return new ApiError(code, response.status, Number(response.headers.get("Retry-After")) || 0);
}
