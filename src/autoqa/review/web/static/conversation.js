"use strict";
// Keys, highlighting and scrolling on the conversation page; all of it works without this file.
(() => {
  const page = document.getElementById("conversation");
  if (!page) return;
  const pane = document.getElementById("transcript");
  const keys = new Map(
    Object.entries(JSON.parse(document.body.dataset.shortcuts)).map(([action, key]) => [key, action]),
  );
  const card = (name) => document.getElementById(`criterion-${name}`);
  const tell = (text) => { document.getElementById("conversation-status").textContent = text; };
  let chosen = page.dataset.criterion;
  let lit = [...page.querySelectorAll(".turns .lit, .curve .lit")];
  let current = null; // the turn shown last
  let near = []; // the lists of turns around it
  let place = -1; // of it among the evidence of the chosen criterion
  page.classList.add("js");
  for (const button of page.querySelectorAll("[data-open]")) button.hidden = keys.size === 0;

  // Showing turns and evidence. All that changes is known by class, so nothing is searched for.

  function show(number, { intoSight = false } = {}) {
    const turn = document.getElementById(`turn-${number}`);
    if (!turn) return;
    current?.classList.remove("current");
    current = turn;
    turn.classList.add("current");
    // Lists that were never in sight have no true height: those around the turn get it now.
    const list = turn.parentElement;
    const around = [list.previousElementSibling, list, list.nextElementSibling].filter(Boolean);
    for (const one of near) if (!around.includes(one)) one.classList.remove("near");
    for (const one of around) one.classList.add("near");
    near = around;
    const words = turn.querySelector("mark.lit") ?? turn; // some turns are letters of many lines
    const above = words.getBoundingClientRect().top - pane.getBoundingClientRect().top;
    pane.scrollTop += above - pane.clientHeight / 3;
    if (intoSight) words.scrollIntoView({ block: "nearest", behavior: "instant" });
  }

  function choose(name) {
    if (name === chosen) return;
    for (const one of lit) one.classList.remove("lit");
    card(chosen)?.classList.remove("selected");
    chosen = name;
    place = -1;
    lit = [...page.getElementsByClassName(`ev-${name}`)];
    for (const one of lit) one.classList.add("lit");
    card(name).classList.add("selected");
    const about = document.getElementById("comment-criterion");
    if (about) about.value = name;
    const address = new URL(location.href);
    address.searchParams.set("criterion", name);
    address.hash = "";
    history.replaceState(null, "", address);
    step();
  }

  // Go to the next turn that the chosen criterion's answer rests on, those that weigh most first.
  function step() {
    const links = [...(card(chosen)?.querySelectorAll(".quotes [data-turn]") ?? [])];
    if (links.length === 0) return tell(page.dataset.saidNone);
    place = (place + 1) % links.length;
    const { turn } = links[place].dataset;
    show(turn);
    const said = { place: place + 1, all: links.length, turn };
    tell(page.dataset.saidEvidence.replace(/\{(\w+)\}/g, (_, name) => said[name]));
  }

  function focusOn(name) {
    const to = card(name);
    if (!to) return;
    to.focus({ preventScroll: true });
    to.scrollIntoView({ block: "nearest", behavior: "instant" });
    choose(name);
  }

  function beside(step) {
    const names = [...page.querySelectorAll(".criterion")].map((one) => one.dataset.criterion);
    const at = names.indexOf(chosen);
    return names[at < 0 ? 0 : Math.min(Math.max(at + step, 0), names.length - 1)];
  }

  // A mouse chooses when its button comes up: a card that opens or closes before would move what is
  // being clicked from under the pointer, and the click would be lost.
  page.addEventListener("focusin", (event) => {
    const within = event.target.closest(".criterion");
    if (within && event.target.matches(":focus-visible")) choose(within.dataset.criterion);
  });

  page.addEventListener("click", (event) => {
    if (event.button !== 0 || event.ctrlKey || event.metaKey || event.shiftKey) return;
    const within = event.target.closest(".criterion");
    const pick = event.target.closest("[data-pick]");
    const turn = event.target.closest("[data-turn]");
    const at = event.target.closest("button.at");
    const curve = event.target.closest(".curve");
    if (within && !pick) choose(within.dataset.criterion);
    if (turn) {
      if (within) {
        place = [...within.querySelectorAll(".quotes [data-turn]")].indexOf(turn);
      }
      show(turn.dataset.turn, { intoSight: true });
    } else if (pick) {
      if (pick.dataset.pick === chosen) step();
      focusOn(pick.dataset.pick);
    } else if (at) {
      show(at.value);
      comment();
    } else if (curve) {
      const { left, width } = curve.getBoundingClientRect();
      const turns = Number(curve.dataset.turns);
      show(Math.min(turns, 1 + Math.floor(((event.clientX - left) / width) * turns)));
    }
    if (turn || pick || at) event.preventDefault();
  });

  // Answering.

  function answer(button, name) {
    if (!button) return;
    const form = button.form;
    const { proposed } = card(name).dataset;
    const unsaid = proposed && button.value !== proposed && !form.elements.reason.value.trim();
    const untold = button.value === "abstained" && !form.elements.reason.value.trim();
    button.click(); // not form.requestSubmit(button): HTMX would leave out the button's value
    // Whoever has a reason to give stays; the server asks for it.
    if (!unsaid && !untold && beside(1) !== name) focusOn(beside(1));
  }

  function comment() {
    const turn = document.getElementById("comment-turn");
    const text = document.getElementById("comment-text");
    if (!text) return;
    if (current) turn.value = current.id.slice("turn-".length);
    text.focus();
  }

  function reason() {
    const more = card(chosen)?.querySelector(".more");
    if (!more) return;
    more.open = true;
    more.querySelector("textarea").focus();
  }

  const choice = (value) => card(chosen)?.querySelector(`.choice[value="${value}"]`);
  const actions = {
    accept: () => {
      const { proposed } = card(chosen)?.dataset ?? {};
      if (proposed) answer(choice(proposed), chosen);
      else tell(page.dataset.saidNoModel);
    },
    not_applicable: () => answer(choice("not_applicable"), chosen),
    next: () => focusOn(beside(1)),
    previous: () => focusOn(beside(-1)),
    evidence: step,
    reason,
    comment,
    // Twice the key, or Enter: nobody submits by a slip.
    submit: () => {
      const button = page.querySelector("[data-action=submit]");
      if (button && document.activeElement === button) button.click();
      else button?.focus();
    },
    next_item: () => page.querySelector("[data-action=next_item]")?.click(),
    help: () => document.getElementById("keys").showModal(),
  };

  document.addEventListener("keydown", (event) => {
    if (event.isComposing || event.altKey || event.metaKey) return;
    const field = event.target.closest("input, textarea, select, [contenteditable]");
    if (event.ctrlKey) {
      if (event.key === "Enter" && field?.form) save(field.form, event);
      return;
    }
    if (keys.size === 0 || field || event.repeat || event.target.closest("dialog")) return;
    const action = keys.get(event.key);
    const digit = /^[0-9]$/.test(event.key) && card(chosen)?.querySelector(`[data-key="${event.key}"]`);
    if (!action && !digit) return;
    event.preventDefault();
    if (action) actions[action]();
    else answer(digit, chosen);
  });

  function save(form, event) {
    const button = form.querySelector("button.save") ?? form.querySelector("button:not(.choice)");
    if (!button) return;
    event.preventDefault();
    button.click();
  }

  for (const button of page.querySelectorAll("[data-open]")) {
    button.addEventListener("click", () => document.getElementById(button.dataset.open).showModal());
  }

  // What the server answered stands where the form was.

  let hadFocus = false; // the card that is being replaced
  page.addEventListener("htmx:beforeSwap", (event) => {
    hadFocus = event.detail.target.contains(document.activeElement);
  });

  page.addEventListener("htmx:afterSwap", (event) => {
    const swapped = event.detail.elt;
    if (!swapped.classList.contains("criterion")) return;
    const name = swapped.dataset.criterion;
    swapped.classList.toggle("selected", name === chosen);
    if (event.detail.xhr.status >= 400) {
      focusOn(name);
      swapped.querySelector("textarea")?.focus();
      return;
    }
    if (hadFocus) swapped.focus({ preventScroll: true });
    const total = document.getElementById("my-total").textContent;
    tell(page.dataset.saidSaved.replace("{total}", total));
  });

  // Nothing typed is lost by a slip.
  window.addEventListener("beforeunload", (event) => {
    const typed = [...page.querySelectorAll("textarea")];
    if (typed.some((one) => one.value !== one.defaultValue && !one.form.dataset.sent)) {
      event.preventDefault();
    }
  });

  // Who reads a long call keeps it.
  if (page.dataset.item) {
    setInterval(() => {
      if (document.hidden) return;
      const { "X-CSRF-Token": token } = JSON.parse(document.body.getAttribute("hx-headers"));
      const body = new URLSearchParams({ item: page.dataset.item });
      fetch("/conversation/hold", { method: "POST", body, headers: { "X-CSRF-Token": token } })
        .catch(() => {}); // the next save says what is wrong
    }, 10 * 60 * 1000);
  }

  // A turn in the address: the browser has scrolled, but turns had no true height yet.
  const wanted = /^#turn-(\d+)$/.exec(location.hash);
  if (wanted) show(wanted[1]);
  else if (chosen && lit.length) step();
})();
