"use strict";
// The step viewer. Whatever comes from a record is put into the page as text, never as markup.
(() => {
  const byId = (id) => document.getElementById(id);
  const index = JSON.parse(byId("index").textContent);
  const loaded = new Map();
  let episode = null, at = 0, matches = [];
  if (!index.length) { byId("viewer").hidden = true; return; }

  // Characters that hide, or that turn a line around, are shown by their names.
  const hidden = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]/g;
  const shown = (text) => String(text).replace(hidden, (found) =>
    "⟨U+" + found.codePointAt(0).toString(16).toUpperCase().padStart(4, "0") + "⟩");

  function element(name, text, attributes = {}, ...children) {
    const made = document.createElement(name);
    if (text !== null && text !== undefined) made.textContent = shown(text);
    for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
    made.append(...children);
    return made;
  }

  function load(number) {
    if (!loaded.has(number)) loaded.set(number, JSON.parse(byId("episode-" + number).textContent));
    return loaded.get(number);
  }

  const signed = (value) => (value > 0 ? "+" : "") + value.toFixed(2);

  function openEpisode(number, step) {
    episode = number;
    byId("episode").value = String(number);
    const list = byId("steps");
    list.replaceChildren();
    load(number).steps.forEach((each, position) => {
      const button = element("button", null, { type: "button" },
        element("span", each.step, { class: "n" }),
        element("span", (each.copy ? "copy " + each.copy + ": " : "") + each.action, { class: "a" }),
        element("span", each.score, { class: "quiet" }));
      button.addEventListener("click", () => openStep(position));
      list.append(element("li", null, {}, button));
    });
    find();
    openStep(step);
  }

  function openStep(position) {
    const data = load(episode);
    at = Math.max(0, Math.min(position, data.steps.length - 1));
    const buttons = byId("steps").querySelectorAll("button");
    for (const current of byId("steps").querySelectorAll("[aria-current]")) current.removeAttribute("aria-current");
    if (buttons[at]) { buttons[at].setAttribute("aria-current", "true"); scrollToStep(buttons[at]); }
    byId("step").replaceChildren(...(data.steps.length ? stepView(data, at) : emptyView(data)));
    const key = [data.task, data.variant, data.seed, at + 1].map(encodeURIComponent).join("/");
    history.replaceState(null, "", "#" + key);
  }

  // Only the list moves: the page itself stays where the reader is.
  function scrollToStep(button) {
    const list = byId("steps"), frame = list.getBoundingClientRect(), place = button.getBoundingClientRect();
    if (place.top < frame.top || place.bottom > frame.bottom)
      list.scrollTop += place.top - frame.top - frame.height / 2;
  }

  function emptyView(data) {
    return [element("p", "No step was played."), ...(data.error ? [element("pre", data.error)] : [])];
  }

  function stepView(data, position) {
    const step = data.steps[position];
    const before = data.steps.slice(0, position).reverse().find((each) => each.copy === step.copy);
    const advice = before ? before.review : data.review;
    const start = { picture: data.picture, text: data.observation, description: data.description };
    const parts = [
      element("h3", "Step " + step.step + (step.copy ? ", copy " + step.copy : "") + ": " + step.action),
      element("p", data.task + ", " + data.variant + ", seed " + data.seed + ": " + data.status +
        (data.error ? ": " + data.error : ""), { class: "quiet" }),
      element("h3", "Seen before it"), ...seen(data, before || start),
    ];
    if (advice) parts.push(...judgementView("The critic's advice" + (data.reveal === "none" ? " (not shown)" : ""), advice));
    parts.push(element("h3", "Proposed"), proposals(data, step));
    parts.push(element("h3", "What came of it"), ...seen(data, step));
    const facts = [["score", step.score], ["seconds", step.seconds.toFixed(2)], ["state", step.digest]];
    if (step.milestones.length) facts.push(["milestones", step.milestones.join(", ")]);
    if (step.ended.length) facts.push(["episode", step.ended.join(", ")]);
    parts.push(facts_list(facts));
    if (step.review) parts.push(...judgementView("The critic's review", step.review));
    if (step.choices.length) parts.push(folded("Chosen among " + step.choices.length, [element("pre", step.choices.join("\n"))]));
    if (step.told.length) parts.push(folded("Told to the players at this step (memory and feedback stand in it)",
      step.told.flatMap(([role, content]) => [element("p", role, { class: "quiet" }), element("pre", content)])));
    return parts;
  }

  // The picture, and beside it what the critic saw in it, which is all that the player got of it.
  function seen(data, { picture, text, description }) {
    const words = [];
    if (text || !description) words.push(element("pre", text));
    if (description) words.push(element("p", "The critic sees:", { class: "quiet" }), element("pre", description));
    if (picture === null || picture === undefined) return words;
    const screen = element("img", null, { src: data.pictures[picture], alt: "the screen", class: "frame" });
    return [element("div", null, { class: "seen" }, screen, element("div", null, {}, ...words))];
  }

  function judgementView(title, judgement) {
    const facts = [["reward", signed(judgement.reward)]];
    if (judgement.reason) facts.push(["reason", judgement.reason]);
    if (judgement.recommended) facts.push(["recommended", judgement.recommended]);
    if (judgement.possible.length) facts.push(["possible", judgement.possible.join(", ")]);
    return [element("h3", title), facts_list(facts)];
  }

  function facts_list(facts) {
    return element("dl", null, {}, ...facts.flatMap(([name, value]) => [element("dt", name), element("dd", value, { class: "text" })]));
  }

  function folded(title, children) {
    return element("details", null, {}, element("summary", title), ...children);
  }

  function proposals(data, step) {
    const rows = step.proposals.map((proposal, position) => {
      const action = element("td", null, {}, element("bdi", proposal.action));
      if (position === step.played) action.append(element("small", "played"));
      if (proposal.text) action.append(folded("answer", [element("pre", proposal.text)]));
      if (proposal.tail) action.append(folded("asked", [element("pre", proposal.tail)]));
      const judged = element("td", proposal.judgement ? signed(proposal.judgement.reward) : "-",
        { class: proposal.judgement && proposal.judgement.reward > 0 ? "good" : proposal.judgement && proposal.judgement.reward < 0 ? "bad" : "" });
      if (proposal.judgement && proposal.judgement.reason) judged.append(element("small", proposal.judgement.reason));
      const [prompt, cached, completion] = proposal.tokens;
      const member = element("td", proposal.member + 1);
      if (data.roles[proposal.member]) member.append(element("small", data.roles[proposal.member]));
      return element("tr", null, {}, member, element("td", proposal.temperature, { class: "number" }), action, judged,
        element("td", prompt + " (" + cached + " cached) + " + completion, { class: "number" }));
    });
    const head = element("tr", null, {}, ...["member", "temperature", "action", "reward", "tokens"].map((name) => element("th", name, { scope: "col" })));
    const table = element("table", null, {}, element("thead", null, {}, head), element("tbody", null, {}, ...rows));
    return element("div", null, { class: "scroll", tabindex: "0", role: "region", "aria-label": "Proposals" }, table);
  }

  // Search goes through every episode, the one that is open first.
  function find() {
    const wanted = byId("search").value.trim().toLowerCase();
    matches = [];
    if (!wanted) { byId("matches").textContent = ""; return; }
    for (let offset = 0; offset < index.length; offset++) {
      const number = (episode + offset) % index.length;
      load(number).steps.forEach((step, position) => {
        if (step.action.toLowerCase().includes(wanted) || step.text.toLowerCase().includes(wanted)
          || step.proposals.some((proposal) => proposal.action.toLowerCase().includes(wanted) || proposal.text.toLowerCase().includes(wanted)))
          matches.push([number, position]);
      });
    }
    byId("matches").textContent = matches.length + (matches.length === 1 ? " step" : " steps");
  }

  function nextMatch() {
    find();
    if (!matches.length) return;
    const [number, position] = matches.find(([n, p]) => n === episode ? p > at : true) || matches[0];
    if (number === episode) openStep(position); else openEpisode(number, position);
  }

  function openAddress() {
    const [task, variant, seed, step] = location.hash.slice(1).split("/").map(decodeURIComponent);
    const number = index.findIndex((each) => each.task === task && each.variant === variant && String(each.seed) === seed);
    if (number < 0) return false;
    openEpisode(number, (parseInt(step, 10) || 1) - 1);
    return true;
  }

  index.forEach((each, number) => byId("episode").append(element("option",
    each.task + " / " + each.variant + " / seed " + each.seed + ": " + each.status, { value: number })));
  byId("episode").addEventListener("change", (event) => openEpisode(Number(event.target.value), 0));
  byId("search").addEventListener("input", find);
  byId("search").addEventListener("keydown", (event) => { if (event.key === "Enter") nextMatch(); });
  byId("next-match").addEventListener("click", nextMatch);
  window.addEventListener("hashchange", () => { if (openAddress()) byId("viewer").scrollIntoView(); });
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    if (["INPUT", "SELECT", "TEXTAREA"].includes(event.target.tagName)) { if (event.key === "Escape") event.target.blur(); return; }
    const last = index.length;
    const actions = {
      ArrowRight: () => openStep(at + 1), j: () => openStep(at + 1), ArrowLeft: () => openStep(at - 1), k: () => openStep(at - 1),
      "]": () => openEpisode((episode + 1) % last, 0), "[": () => openEpisode((episode + last - 1) % last, 0),
      "/": () => byId("search").focus(), n: nextMatch,
    };
    if (actions[event.key]) { event.preventDefault(); actions[event.key](); }
  });
  if (openAddress()) byId("viewer").scrollIntoView(); else openEpisode(0, 0);
})();
