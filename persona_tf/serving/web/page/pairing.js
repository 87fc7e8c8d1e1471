// Two answers to the same, as the server has them, and all that can be done with them. Knows nothing of the page.

import { get, post } from "./api.js";

const ALL = "/api/v1/pairs";

export class Pairing {
  pair = null; // see PairOut of the API
  words = null; // what is being answered
  #writing = null;
  #past = []; // the pairs before
  #opening = []; // turns before the first pair

  /** `changed` is called whenever there is something else to show. */
  constructor(changed) {
    this.changed = changed;
  }

  get busy() {
    return this.#writing !== null;
  }

  /** Whether a person is to say which answer is better. */
  get isOpen() {
    return this.pair !== null && this.pair.pick === null && !this.busy;
  }

  /** The turns that stand. Of two that are alike the left one is gone on with; where both are bad, nothing was said. */
  get turns() {
    if (!this.pair) return this.#opening;
    const { history, pick, left, right } = this.pair;
    if (pick === null) return history;
    if (pick === "bad") return before(history);
    const { text, action, emote } = pick === "right" ? right : left;
    return [...history, { speaker: "bot", text, action, emote }];
  }

  /** No pair: what is said next comes after these turns. */
  begin(opening = []) {
    this.#writing?.abort();
    this.#opening = opening;
    this.#past = [];
    this.#show(null);
  }

  async open(id) {
    this.#past = [];
    this.#show(await get(`${ALL}/${encodeURIComponent(id)}`));
  }

  /** Has both runs answer; nothing at all: the bot speaks. False: it was stopped. */
  async ask(scene, words) {
    const said = words.text || words.action || words.emote ? [{ speaker: "partner", ...words }] : [];
    const history = [...this.turns, ...said];
    this.words = said[0] ?? null;
    const writing = (this.#writing = new AbortController());
    this.changed();
    try {
      const made = await post(ALL, { ...scene, history }, writing.signal);
      if (this.pair) this.#past.push(this.pair);
      this.pair = made;
      return true;
    } catch (error) {
      if (error.name !== "AbortError") throw error;
      return false;
    } finally {
      this.words = this.#writing = null;
      this.changed();
    }
  }

  stop() {
    this.#writing?.abort();
  }

  /** `left`, `right`, `tie` or `bad`; null takes it back. */
  async pick(pick) {
    const { id } = this.pair;
    const picked = await post(`${ALL}/${id}/pick`, { pick });
    if (this.pair?.id === id) this.#show(picked);
  }

  /** Leaves a pair that was not picked; returns what was said, or null. */
  skip() {
    const { history } = this.pair;
    if (!this.#past.length) this.#opening = before(history);
    this.#show(this.#past.pop() ?? null);
    return history.at(-1)?.speaker === "partner" ? history.at(-1) : null;
  }

  #show(pair) {
    this.pair = pair;
    this.changed();
  }
}

/** The turns without what was said last. */
const before = (history) => (history.at(-1)?.speaker === "partner" ? history.slice(0, -1) : history);
