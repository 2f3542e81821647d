/* Lists: j and k walk, x marks, o opens, a, d and r act, / searches, ? tells; a pasted or scanned id jumps to its return. */
(() => {
  "use strict";
  const rows = () => [...document.querySelectorAll("[data-row]")];
  let here = null;

  function stand(row, scroll = true) {
    if (!row) return;
    document.querySelectorAll("[data-row].here").forEach((one) => one.classList.remove("here"));
    row.classList.add("here");
    here = row.id;
    if (scroll) row.scrollIntoView({ block: "nearest" });
    peek(row);
  }

  const current = () => document.getElementById(here) || document.querySelector("[data-row].here");

  function walk(step) {
    const all = rows();
    const at = all.indexOf(current());
    stand(all[Math.max(0, Math.min(all.length - 1, at === -1 ? (step > 0 ? 0 : all.length - 1) : at + step))]);
  }

  /* The pane beside the list shows the row one stands on. */
  let peeking = 0;
  function peek(row) {
    const pane = document.getElementById("peek");
    if (!pane || !row.dataset.peek || getComputedStyle(pane).display === "none") return;
    if (pane.dataset.of === row.dataset.peek) return;
    if (pane.querySelector("form[data-dirty]")) return;
    clearTimeout(peeking);
    peeking = setTimeout(() => {
      pane.dataset.of = row.dataset.peek;
      window.htmx.ajax("GET", row.dataset.peek, { source: pane, target: pane, select: "#peeked", swap: "innerHTML" }).catch(() => {});
    }, 90);
  }

  function open(row) {
    const link = row?.querySelector("a[data-opens]") || row?.querySelector("a");
    if (link) link.click();
  }

  /* The row's own button for a key, in the pane beside it, in the bar of what is marked, or anywhere on the page. */
  function act(letter) {
    const marked = document.querySelector("[data-picked]:checked");
    const button = (marked && document.querySelector(`[data-bar] [data-key="${letter}"]`))
      || document.querySelector(`#peek [data-key="${letter}"]`) || current()?.querySelector(`[data-key="${letter}"]`)
      || document.querySelector(`main [data-key="${letter}"]`);
    if (!button) return false;
    if (button.tagName === "DETAILS") {
      button.open = true;
      button.querySelector("input:not([type=hidden]), textarea, select")?.focus();
    } else button.click();
    return true;
  }

  function help() {
    const told = document.getElementById("keys");
    if (told?.open) told.close(); else told?.showModal();
  }

  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const typing = event.target.matches?.("input:not([type=checkbox]):not([type=range]), textarea, select");
    if (event.key === "Escape") {
      if (typing) event.target.blur();
      return;
    }
    if (typing || document.querySelector("dialog[open]")) return;
    let done = true;
    switch (event.key) {
      case "j": walk(1); break;
      case "k": walk(-1); break;
      case "x": { const box = current()?.querySelector("[data-picked]"); if (box) { box.click(); } break; }
      case "o": open(current()); break;
      case "a": case "d": case "r": done = act(event.key); break;
      case "/": { const box = document.getElementById("search") || document.getElementById("find"); box?.focus(); box?.select(); break; }
      case "?": help(); break;
      case "[": case "]": { const link = document.querySelector(event.key === "[" ? "[data-before]" : "[data-after]"); if (link) link.click(); break; }
      default: done = false;
    }
    if (done) event.preventDefault();
  });

  document.addEventListener("click", (event) => {
    if (event.target.closest("[data-show-keys]")) help();
    if (event.target.closest("[data-close]")) event.target.closest("dialog")?.close();
    const row = event.target.closest?.("[data-row]");
    if (row && !event.target.closest("a, button, input, label, summary")) {
      if (getComputedStyle(document.getElementById("peek") || document.body).display === "none" || !document.getElementById("peek")) return;
      stand(row, false);
    }
  });

  /* What is marked is counted in the bar below the list. */
  function count() {
    const marked = document.querySelectorAll("[data-picked]:checked").length;
    const bar = document.querySelector("[data-bar]");
    if (!bar) return;
    bar.toggleAttribute("data-some", marked > 0);
    bar.querySelectorAll("[data-marked]").forEach((one) => { one.textContent = String(marked); });
  }
  document.addEventListener("change", (event) => {
    if (event.target.matches?.("[data-pick-all]")) document.querySelectorAll("[data-picked]").forEach((box) => { box.checked = event.target.checked; });
    if (event.target.matches?.("[data-picked], [data-pick-all]")) count();
    if (event.target.matches?.("[data-submits]")) event.target.form.requestSubmit();
  });

  /* Pasted anywhere but into a field: probably an id, so find it. */
  document.addEventListener("paste", (event) => {
    if (event.target.matches?.("input, textarea, select")) return;
    const text = (event.clipboardData?.getData("text") || "").trim();
    if (text && text.length <= 200 && !text.includes("\n")) location.assign("/find?q=" + encodeURIComponent(text));
  });

  document.addEventListener("htmx:after:swap", () => {
    count();
    const row = current();
    if (row) row.classList.add("here");
  });
  count();

  /* The scrubber of a return's history: moving it shows the state after that event. */
  document.addEventListener("input", (event) => {
    const slider = event.target;
    if (!slider.matches?.("[data-scrub]")) return;
    const out = document.getElementById("scrub-number");
    if (out) out.textContent = slider.value;
    clearTimeout(slider.timer);
    slider.timer = setTimeout(() => {
      const address = new URL(slider.form.getAttribute("action"), location.href);
      for (const [name, value] of new FormData(slider.form)) if (value !== "") address.searchParams.set(name, value);
      history.replaceState(null, "", address);
      window.htmx.ajax("GET", address.pathname + address.search, { source: slider, target: "#scrubbed", select: "#scrubbed", swap: "outerMorph" }).catch(() => {});
    }, 60);
  });
})();
