// All words of the page, in the language of the browser or the one that was chosen.

import { icon } from "./dom.js";
import { keep, recall } from "./keep.js";
import en from "./words_en.js";
import ru from "./words_ru.js";

const DICTIONARIES = { en, ru };

const preferred = (navigator.languages ?? [navigator.language]).map((one) => one.slice(0, 2)).find((one) => one in DICTIONARIES);
let language = recall("language") in DICTIONARIES ? recall("language") : preferred ?? "en";

/** The words for a key; {name} is filled in. */
export function t(key, values = {}) {
  const found = DICTIONARIES[language][key] ?? en[key] ?? key;
  return found.replace(/\{(\w+)\}/g, (all, name) => (name in values ? values[name] : all));
}

export const languageNow = () => language;

/** The other of the two. */
export const otherLanguage = () => (language === "en" ? "ru" : "en");

export function setLanguage(name) {
  language = name;
  keep("language", name);
}

/** A share as people write it. */
export const percent = (share) => new Intl.NumberFormat(language, { style: "percent" }).format(share);

/** A time as people write it where the browser is at home. */
export const when = (seconds) =>
  new Intl.DateTimeFormat(navigator.languages?.find((one) => one.startsWith(language)) ?? language, { dateStyle: "short", timeStyle: "short" }).format(new Date(seconds * 1000));

/** Fills in all elements that say which words they want, and icons. */
export function fillIn(root = document) {
  document.documentElement.lang = language;
  for (const one of root.querySelectorAll("[data-text]")) one.textContent = t(one.dataset.text);
  for (const one of root.querySelectorAll("[data-label]")) {
    one.setAttribute("aria-label", t(one.dataset.label));
    if (one.tagName === "BUTTON") one.title = t(one.dataset.label);
  }
  for (const one of root.querySelectorAll("[data-icon]")) if (!one.firstChild) one.append(icon(one.dataset.icon));
}
