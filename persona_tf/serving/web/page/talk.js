// The conversation that is open, as the server has it, and all that can be done with it. Knows nothing of the page.

import { get, post, stream } from "./api.js";
import { awake } from "./waking.js";

const ALL = "/api/v1/conversations";

/** A scene's place, persona and partner, out of a conversation. */
export const sceneOf = (kept) => ({ place: kept.place, persona: kept.persona, partner: kept.partner });

export class Talk {
  kept = null; // see ConversationOut of the API
  live = null; // what is being written: {number, human, text}
  #writing = null;
  #changes = Promise.resolve(); // one after the other: the server takes one at a time

  /** `view` is told what to show: whole(), from(number), live(), written(text), spoken(turn), busy(). */
  constructor(view) {
    this.view = view;
  }

  get turns() {
    return this.kept?.turns ?? [];
  }

  get busy() {
    return this.#writing !== null;
  }

  get #path() {
    return `${ALL}/${this.kept.id}`;
  }

  async open(id) {
    this.#writing?.abort();
    await awake();
    await this.#read(id);
  }

  async #read(id) {
    this.#set(await get(`${ALL}/${encodeURIComponent(id)}`));
  }

  async begin(scene, turns = []) {
    await awake();
    this.#set(await post(ALL, { ...scene, turns }));
  }

  close() {
    this.#set(null);
  }

  #set(kept) {
    this.kept = kept;
    this.live = null;
    this.view.whole();
  }

  /** Says something; `how` is {decoding}. False: something is being written already. */
  say(words, how) {
    const human = words.text || words.action || words.emote ? { speaker: "partner", ...words } : null;
    return this.#answered("say", { ...words, ...how }, { number: this.turns.length, human });
  }

  again(count, how) {
    return this.#answered("regenerate", { n: count, ...how }, { number: this.turns.length - 1 });
  }

  more(how) {
    const number = this.turns.length - 1;
    return this.#answered("continue", how, { number, text: `${this.turns[number].text} ` });
  }

  /** Other words for a turn; `how` for one of the partner's that is to be answered anew. */
  edit(number, words, how = null) {
    if (how === null) return this.#change("edit", { turn: number, ...words }, number);
    const live = { number, human: { speaker: "partner", ...words } };
    return this.#answered("edit", { turn: number, ...words, answer: true, ...how }, live);
  }

  swipe(to) {
    return this.#change("swipe", { to });
  }

  undo() {
    return this.#change("undo");
  }

  rate(number, quality, value) {
    return this.#change("rate", { turn: number, [quality]: value });
  }

  tick(number, keys) {
    return this.#change("tick", { turn: number, keys });
  }

  /** Ends what is being written. What was not begun yet is taken back. */
  async stop() {
    const writing = this.#writing;
    if (!writing) return;
    const { stopped } = this.kept ? await post(`${this.#path}/stop`) : { stopped: 0 };
    if (!stopped || !this.live?.text) writing.abort();
  }

  async #answered(verb, body, live) {
    if (this.busy) return false;
    const { id } = this.kept;
    this.#writing = new AbortController();
    this.live = { human: null, text: "", ...live };
    this.view.live();
    this.view.busy();
    const onText = (index, text) => {
      if (index !== 0 || !this.live) return;
      this.live.text += text;
      this.view.written(text);
    };
    try {
      await awake();
      await this.#changes;
      const change = await stream(`${this.#path}/${verb}`, body, onText, this.#writing.signal);
      this.live = this.#writing = null;
      await this.#take(change, live.number);
      this.view.spoken(this.turns.at(-1));
      return true;
    } catch (error) {
      this.live = this.#writing = null;
      if (this.kept?.id !== id) return false; // another was opened meanwhile
      this.view.from(live.number);
      await this.#failed(error);
      return false;
    } finally {
      this.view.busy();
    }
  }

  #change(verb, body, first) {
    const { id } = this.kept;
    const changed = this.#changes.then(async () => {
      if (this.kept?.id !== id) return;
      if (this.busy) return this.view.from(first ?? this.turns.length);
      try {
        await this.#take(await post(`${this.#path}/${verb}`, body), first);
      } catch (error) {
        await this.#failed(error);
      }
    });
    this.#changes = changed.catch(() => {});
    return changed;
  }

  #take(change, first = Infinity) {
    const { id } = this.kept;
    const turns = this.kept.turns.slice(0, change.count);
    for (const turn of change.turns) turns[turn.number] = turn;
    // Another window has added what is not known here.
    if (turns.length < change.count || turns.includes(undefined)) return this.#read(id);
    const changed = Math.min(first, change.count, ...change.turns.map((turn) => turn.number));
    this.kept = { ...this.kept, revision: change.revision, count: change.count, turns };
    return this.view.from(Math.max(0, Math.min(changed, turns.length - 1)));
  }

  async #failed(error) {
    // Another window went on with it, or what was to be stopped was there already.
    if (error.name === "AbortError" || error.code === "conflict") await this.#read(this.kept.id);
    if (error.name !== "AbortError") throw error;
  }
}
