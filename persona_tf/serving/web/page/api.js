// The server's API. Knows nothing of the page.

import { events } from "./events.js";

export class ApiError extends Error {
  constructor(message, status, code) {
    super(message);
    this.status = status;
    this.code = code;
  }
}

let token = sessionStorage.getItem("persona_tf.token") ?? "";
let askToken = async () => "";
let asking = null; // several requests may be refused at once

/** Who is asked for the token of a server that has one; returns it, or "". */
export function onToken(ask) {
  askToken = ask;
}

async function send(method, path, body, signal) {
  const headers = token ? { Authorization: `Bearer ${token}` } : {};
  let sent = body;
  if (body instanceof Blob) headers["Content-Type"] = "application/octet-stream";
  else if (body !== undefined) {
    headers["Content-Type"] = "application/json";
    sent = JSON.stringify(body);
  }
  let response;
  try {
    response = await fetch(path, { method, headers, body: sent, signal });
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new ApiError("", 0, "network");
  }
  if (response.ok) return response;
  if (response.status === 401) {
    asking ??= askToken(Boolean(token)).finally(() => (asking = null));
    token = await asking;
    if (token) {
      sessionStorage.setItem("persona_tf.token", token);
      return send(method, path, body, signal);
    }
  }
  throw await refusal(response);
}

async function refusal(response) {
  const told = await response.json().catch(() => ({}));
  return new ApiError(told.error?.message ?? response.statusText, response.status, told.error?.code ?? "");
}

export const get = async (path) => (await send("GET", path)).json();
export const getFile = async (path) => (await send("GET", path)).blob();
export const post = async (path, body, signal) => (await send("POST", path, body, signal)).json();
export const patch = async (path, body) => (await send("PATCH", path, body)).json();
export const postForFile = async (path, body) => (await send("POST", path, body)).blob();
export const remove = (path) => send("DELETE", path);

/** Posts, tells each piece of text as (index, text) while it is written, and returns what comes last. */
export async function stream(path, body, onText, signal) {
  const response = await send("POST", path, { ...body, stream: true }, signal);
  for await (const { name, data } of events(response)) {
    if (name === "text") onText(data.index ?? 0, data.text);
    else if (name === "done") return data;
    else if (name === "error") throw new ApiError(data.error.message, 500, data.error.code);
  }
  throw new ApiError("", 0, "network");
}

/** `loading`, `ready`, `failed` or `closing`; "gone" where nobody answers. */
export async function health() {
  try {
    return (await (await fetch("/healthz")).json()).status;
  } catch {
    return "gone";
  }
}
