// What stands around a page: its panel, the language, the colours.

import { $, iconButton } from "./dom.js";
import { nextTheme, showTheme } from "./theme.js";
import { fillIn, otherLanguage, setLanguage, t } from "./words.js";

const wide = matchMedia("(min-width: 60rem)");

export const isWide = () => wide.matches;

/** Has the buttons at the top do what they say. `show`: builds the page in the language that is set now. */
export function frame(show) {
  wide.addEventListener("change", () => showPanel(wide.matches));
  $("panel-switch").addEventListener("click", () => {
    const isOpen = !isPanelOpen();
    showPanel(isOpen);
    if (isOpen) $("panel-close").focus();
  });
  $("theme").addEventListener("click", () => nextTheme($("theme")));
  $("language").addEventListener("click", () => {
    setLanguage(otherLanguage());
    show();
  });
  showPanel(wide.matches);
  show();
}

/** Says everything around the page in the language that is set; `parts` are what stands in the panel. */
export function showFrame(...parts) {
  fillIn();
  for (const part of parts) part.show();
  const close = iconButton("close", t("close"), closePanel, { id: "panel-close" });
  $("panel").replaceChildren(close, ...parts.map((part) => part.element));
  $("language").textContent = otherLanguage().toUpperCase();
  $("language").title = t("language");
  $("language").lang = otherLanguage();
  $("language").setAttribute("aria-label", t("language"));
  showTheme($("theme"));
}

/** Closes the panel where it lies over everything else; false: it does not. */
export function closeOverlay() {
  if (wide.matches || !isPanelOpen()) return false;
  closePanel();
  return true;
}

const isPanelOpen = () => document.body.classList.contains("with-panel");

function closePanel() {
  showPanel(false);
  $("panel-switch").focus();
}

function showPanel(isOpen) {
  document.body.classList.toggle("with-panel", isOpen);
  $("panel-switch").setAttribute("aria-expanded", String(isOpen));
  // On a phone the panel lies over everything else.
  $("talk").inert = isOpen && !wide.matches;
}
