"use strict";
// Small helps on top of pages that work without any script.
(() => {
  const local = new Intl.DateTimeFormat(document.documentElement.lang, {
    dateStyle: "medium", timeStyle: "short",
  });

  const enhance = (part) => {
    // Moments in the reader's own time; the page itself has them in UTC.
    for (const time of part.querySelectorAll("time[data-local]")) {
      const when = new Date(time.dateTime);
      if (Number.isNaN(when.getTime())) continue;
      time.title = time.textContent;
      time.textContent = local.format(when);
      time.removeAttribute("data-local");
    }
    for (const button of part.querySelectorAll("form[data-at-once] [data-without-script]")) {
      button.hidden = true;
    }
    part.querySelector("form[data-submit]")?.requestSubmit();
  };

  // Choices that take effect at once; their button is for browsers without scripts.
  document.addEventListener("change", (event) => {
    const form = event.target.form;
    if (form?.matches("[data-at-once]")) form.requestSubmit();
  });

  // Two clicks on one button are one wish.
  document.addEventListener("submit", (event) => {
    const form = event.target;
    if (!form.matches("[method=post]:not([hx-post])") || event.defaultPrevented) return;
    if (form.dataset.sent) event.preventDefault();
    form.dataset.sent = "yes";
    setTimeout(() => delete form.dataset.sent, 5000);
  });
  // Whoever comes back to a page by the browser's button may send its form again.
  window.addEventListener("pageshow", () => {
    for (const form of document.forms) delete form.dataset.sent;
  });
  document.addEventListener("submit", (event) => {
    const question = event.target.dataset.confirm;
    if (question && !window.confirm(question)) event.preventDefault();
  }, { capture: true });

  // Errors of parts that HTMX loads appear on top of the page: bring them into sight.
  document.addEventListener("htmx:afterSwap", (event) => {
    enhance(event.target);
    if (event.target.id === "notices") event.target.scrollIntoView({ block: "nearest" });
  });
  document.addEventListener("htmx:sendError", () => {
    document.getElementById("notices").textContent = document.body.dataset.unreachable;
  });

  // Whoever had to log in again, in another tab, goes on with the form that they were filling in:
  // each page that opens tells its token to those that are open already.
  const { user, csrf } = document.body.dataset;
  if (user) {
    const tabs = new BroadcastChannel("autoqa-session");
    tabs.addEventListener("message", ({ data }) => {
      if (data.user !== user) return;
      for (const field of document.querySelectorAll("input[name=csrf]")) field.value = data.csrf;
      document.body.setAttribute("hx-headers", JSON.stringify({ "X-CSRF-Token": data.csrf }));
    });
    tabs.postMessage({ user, csrf });
  }
  enhance(document);
})();
