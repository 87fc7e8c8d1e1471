// Short messages, and the one question that the page asks.

import { $, h, iconButton } from "./dom.js";
import { t } from "./words.js";

const SECONDS = 8;

/** Shows a message; one of an error stays until it is dismissed. */
export function note(text, isError = false) {
  const close = () => made.remove();
  const made = h("p", { class: isError ? "note error" : "note" }, h("span", {}, text), iconButton("close", t("dismiss"), close));
  $("notes").append(made);
  while ($("notes").children.length > 3) $("notes").firstChild.remove();
  if (!isError) setTimeout(close, SECONDS * 1000);
}

/** An error in words that the person can do something with. */
export function failed(error) {
  if (error.name === "AbortError") return;
  if (error.message === "failed") note(t("failed.text"), true);
  else if (error.code === "network") note(t("error.network"), true);
  else if (error.status === 404) note(t("error.gone"), true);
  else note(error.message || String(error), true);
}

/** The same function, whose errors are shown. */
export const tried = (act) => async (...given) => {
  try {
    return await act(...given);
  } catch (error) {
    failed(error);
  }
};

/** Asks for the server's token; "" if none is given. */
export function askToken(wasWrong) {
  return new Promise((resolve) => {
    const input = h("input", { type: "password", autocomplete: "current-password", required: true, "aria-label": t("token.text") });
    const dialog = h(
      "dialog",
      { on: { close: () => (resolve(dialog.returnValue === "given" ? input.value.trim() : ""), dialog.remove()) } },
      h("form", { method: "dialog" }, h("p", {}, t("token.text"), " ", wasWrong && t("token.wrong")), input, h("button", { class: "main", value: "given" }, t("token.give"))),
    );
    document.body.append(dialog);
    dialog.showModal();
  });
}
