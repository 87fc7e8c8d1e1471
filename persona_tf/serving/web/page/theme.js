// Light, dark, or as the system has it.

import { icon } from "./dom.js";
import { keep, recall } from "./keep.js";
import { t } from "./words.js";

const ICONS = { auto: "auto", light: "sun", dark: "moon" };
const ORDER = Object.keys(ICONS);

let theme = ORDER.includes(recall("theme")) ? recall("theme") : "auto";

export function showTheme(button) {
  if (theme === "auto") delete document.documentElement.dataset.theme;
  else document.documentElement.dataset.theme = theme;
  button.replaceChildren(icon(ICONS[theme]));
  button.title = t(`theme.${theme}`);
  button.setAttribute("aria-label", button.title);
}

export function nextTheme(button) {
  theme = ORDER[(ORDER.indexOf(theme) + 1) % ORDER.length];
  keep("theme", theme);
  showTheme(button);
}
