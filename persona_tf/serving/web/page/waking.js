// Whether the bot is awake: asked until it is, and again when somebody says that it is not.

import { health } from "./api.js";

export const EACH_MS = 600;

let status = "loading";
let waiting = null;
const listeners = [];

export const onStatus = (listener) => listeners.push(listener);
export const statusNow = () => status;

function found(next) {
  if (next === status) return;
  status = next;
  for (const listener of listeners) listener(status);
}

/** Resolves when the bot is awake; rejects if it never will be. */
export function awake() {
  waiting ??= watch().finally(() => (waiting = null));
  return waiting;
}

async function watch() {
  for (;;) {
    found(await health());
    if (status === "ready") return;
    if (status === "failed") throw new Error("failed");
    await new Promise((resolve) => setTimeout(resolve, EACH_MS));
  }
}
