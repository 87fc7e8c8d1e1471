// What was picked so far. It stays closed until somebody wants to know: it tells whose answers were whose.

import { get, getFile } from "./api.js";
import { h, icon } from "./dom.js";
import { download } from "./files.js";
import { percent, t } from "./words.js";

const PICKS = ["first", "second", "tie", "bad"];

export class Counts {
  #total = 0;
  #tallies = null; // as they were when it was opened

  /** `acts`: failed(error). */
  constructor(acts) {
    this.acts = acts;
    this.element = h("section", { class: "box counts" });
  }

  set total(total) {
    this.#total = total;
    this.#tallies = null;
    this.show();
  }

  show() {
    const save = (kind) => h("button", { type: "button", id: `pairs-${kind}`, on: { click: () => this.#save(kind) } }, icon("save"), t(`counts.${kind}`));
    const details = h(
      "details",
      { id: "counts-more", open: this.#tallies !== null, on: { toggle: () => details.open && !this.#tallies && this.#look() } },
      h("summary", {}, t("counts.show")),
      this.#tallies?.map(tallyTable),
    );
    this.element.replaceChildren(
      h("h2", {}, t("counts")),
      h("p", { id: "counts-total" }, t("counts.total", { count: this.#total })),
      details,
      h("p", { class: "soft" }, t("counts.blind")),
      h("div", { class: "buttons" }, save("csv"), save("jsonl")),
    );
  }

  async #look() {
    try {
      this.#tallies = (await get("/api/v1/pairs/counts")).tallies;
      this.show();
    } catch (error) {
      this.acts.failed(error);
    }
  }

  async #save(kind) {
    try {
      download(await getFile(`/api/v1/pairs.${kind}`), `pairs.${kind}`);
    } catch (error) {
      this.acts.failed(error);
    }
  }
}

function tallyTable(tally) {
  const names = { first: tally.first, second: tally.second, tie: t("pick.tie"), bad: t("pick.bad") };
  const row = (pick) => {
    const { count, share, low, high } = tally.picks[pick];
    return h("tr", {}, h("th", { scope: "row" }, names[pick]), h("td", {}, String(count)), h("td", {}, percent(share)), h("td", {}, range(low, high)));
  };
  const head = ["counts.picked", "counts.count", "counts.share", "counts.interval"].map((key) => h("th", { scope: "col" }, t(key)));
  const { decided } = tally;
  const count = tally.picks.first.count + tally.picks.second.count;
  return h(
    "div",
    { class: "tally" },
    h("table", {}, h("thead", {}, h("tr", {}, head)), h("tbody", {}, PICKS.map(row))),
    h("p", {}, t("counts.decided", { count, name: tally.first, share: percent(decided.share), range: range(decided.low, decided.high) })),
    interval(decided),
  );
}

/** The share as a dot within its interval, beside the half. */
function interval({ share, low, high }) {
  const [reach, dot] = [h("i", { class: "reach" }), h("i", { class: "dot" })];
  reach.style.insetInline = `${low * 100}% ${(1 - high) * 100}%`;
  dot.style.insetInlineStart = `${share * 100}%`;
  return h("div", { class: "interval", "aria-hidden": "true" }, reach, dot);
}

const range = (low, high) => `${Math.round(100 * low)}–${percent(high)}`;
