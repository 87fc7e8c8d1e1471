// Puts the page together: panel, log, composer, and the conversation they are about.

import { get } from "./api.js";
import { Composer } from "./composer.js";
import { $, h } from "./dom.js";
import { talkIn } from "./files.js";
import { showFrame } from "./frame.js";
import { Log } from "./log.js";
import { Memory } from "./memory.js";
import { failed, note, tried } from "./notes.js";
import { Sampling } from "./sampling.js";
import { ScenePanel } from "./scene_panel.js";
import * as startup from "./startup.js";
import { Talk, sceneOf } from "./talk.js";
import { Talks } from "./talks.js";
import { statusNow } from "./waking.js";
import { t } from "./words.js";

const view = {
  whole: () => log.whole(),
  from: (number) => log.from(number),
  live: () => log.live(),
  written: (text) => log.written(text),
  spoken: (turn) => log.spoken(turn),
  busy: () => {
    composer.busy(talk.busy);
    log.from(talk.turns.length);
    if (!talk.busy) {
      talks.refresh();
      memory.refresh();
    }
    showStatus();
  },
};
const talk = new Talk(view);
const sampling = new Sampling();
const how = () => ({ decoding: sampling.decoding });

const log = new Log(
  talk,
  {
    say: (text) => say({ text, action: "", emote: "" }),
    dice: () => scenes.dice(),
    again: tried(() => talk.again(sampling.count, how())),
    more: tried(() => talk.more(how())),
    undo: tried(() => changed(talk.undo()).then(() => talks.refresh())),
    swipe: tried((to) => changed(talk.swipe(to))),
    rate: tried((...given) => talk.rate(...given)),
    tick: tried((...given) => talk.tick(...given)),
    save: tried((number, words, isAnswered) => changed(talk.edit(number, words, isAnswered ? how() : null))),
  },
  () => scenes.form.scene,
);
const scenes = new ScenePanel({ read, note, failed, id: () => talk.kept?.id ?? null, scene: sceneChanged });
const memory = new Memory(talk, { failed });
const talks = new Talks(talk, { read, failed, forgotten: (id) => id === talk.kept?.id && fresh() });
const composer = new Composer({ say, stop, editLast, leaf });

// ------------------------------------------------------------------------------------------------ the conversation

let isSending = false;

/** Says something, in a new conversation if none is open. What cannot be sent stays in the composer. */
async function say(words) {
  if (talk.busy || isSending) return;
  isSending = true;
  try {
    if (statusNow() !== "ready") note(t("waking.text"));
    await started;
    if (!talk.kept) await begin();
    const sent = talk.say(words, how());
    composer.sending();
    if (await sent) composer.sent();
    else if (composer.isEmpty) composer.value = words;
  } catch (error) {
    if (composer.isEmpty) composer.value = words;
    failed(error);
  } finally {
    isSending = false;
  }
}

async function begin(turns = scenes.turns) {
  const seed = sampling.seed;
  await talk.begin({ ...scenes.scene, ...(seed === null ? {} : { seed }) }, turns);
  opened();
}

/** After another conversation has come. */
function opened() {
  history.replaceState(null, "", `#${talk.kept.id}`);
  scenes.set(sceneOf(talk.kept), { card: talk.kept.card, isOpen: true });
  composer.show(talk.kept.persona.name);
  talks.refresh();
  memory.refresh();
}

/** What was said is not what it was: nor is what was learned from it. */
const changed = (change) => change.then(() => memory.refresh());

async function open(id) {
  if (id === talk.kept?.id) return;
  const draft = scenes.draft(id);
  await talk.open(id);
  opened();
  if (draft) scenes.write(draft);
}

/** No conversation: the next words begin one. */
async function fresh() {
  if (talk.busy) return;
  talk.close();
  history.replaceState(null, "", location.pathname);
  talks.show();
  memory.refresh();
  composer.words.focus();
  await tried(() => scenes.release())();
}

function sceneChanged() {
  const isOther = Boolean(talk.kept) && scenes.isOther;
  $("changed").hidden = !isOther;
  if (isOther && !$("changed").firstChild) {
    const button = (key, act) => h("button", { type: "button", id: key.replace(".", "-"), on: { click: tried(act) } }, t(key));
    $("changed").append(
      h("span", {}, t("changed.text")),
      button("changed.on", goOn),
      button("changed.anew", anew),
      button("changed.back", () => scenes.set(sceneOf(talk.kept), { card: talk.kept.card, isOpen: true })),
    );
  }
  if (!isOther) $("changed").replaceChildren();
  if (!talk.kept) {
    log.stage();
    log.from(0);
    composer.show(scenes.form.scene.persona.name);
  }
}

/** The scene as it is now, from the beginning; a first message of a card is said at once. */
async function anew() {
  await fresh();
  if (scenes.turns.length) await begin();
}

/** The same turns in another scene; the conversation as it was stays in the list. */
async function goOn() {
  const { seed } = talk.kept;
  const turns = talk.turns.map(({ speaker, text, action, emote }) => ({ speaker, text, action, emote }));
  await talk.begin({ ...scenes.scene, seed }, turns);
  opened();
}

async function read(file) {
  try {
    const kept = await talkIn(file);
    if (!kept) return await scenes.readCard(file);
    const { turns, ...scene } = kept;
    await talk.begin(scene, turns);
    opened();
    note(t("talk.loaded"));
  } catch (error) {
    if (error.status === 422) note(`${t("error.file", { name: file.name })} ${error.message}`, true);
    else failed(error);
  }
}

function stop() {
  talk.stop().catch(failed);
}

function editLast() {
  const last = talk.turns.findLast((turn) => turn.speaker === "partner");
  if (last && !talk.busy) log.edit(last.number);
}

function leaf(step) {
  const last = talk.turns.at(-1);
  if (last?.speaker !== "bot" || talk.busy) return;
  const to = last.chosen + step;
  if (to >= 0 && to < last.alternatives.length) changed(talk.swipe(to)).catch(failed);
}

// ------------------------------------------------------------------------------------------------ the page

function showStatus() {
  startup.showStatus(talk.busy && statusNow() === "ready" ? "writing" : statusNow());
}

function showAll() {
  showFrame(scenes, memory, sampling, talks);
  $("changed").replaceChildren();
  sceneChanged();
  composer.show((talk.kept ?? scenes.form.scene).persona.name);
  log.stage();
  log.from(0);
  if (talk.live) log.live();
  showStatus();
}

$("fresh").addEventListener("click", tried(anew));
addEventListener("hashchange", () => (location.hash.length > 1 ? tried(open)(location.hash.slice(1)) : fresh()));
startup.wire({ show: showAll, status: showStatus, stop: () => talk.busy && (stop(), true) });

/** Opens what the address names, else sets a scene; nothing is said before that is done. */
async function start() {
  const id = location.hash.slice(1);
  const isSet = id ? null : firstScene();
  memory.isThere = (await startup.wake(composer, sampling)).memory;
  get("/api/v1/pairs").then(({ status }) => ($("other-page").hidden = status === "none"), failed);
  if (id) await open(id).catch((error) => (failed(error), fresh().then(firstScene)));
  await isSet;
  startup.shown();
  talks.refresh();
}

const firstScene = () => startup.firstScene(scenes).then(startup.shown);

const started = tried(start)();
