/* Live: hears that something changed and asks again. What a person types, marks or has open is left alone. */
(() => {
  "use strict";
  const badge = document.querySelector("[data-live]");
  const region = document.getElementById("main");
  if (!badge || !region || !window.EventSource) return;

  const HIDDEN_MS = 3000, OFFLINE_MS = 6000, QUIET_MS = 1200;
  const words = { live: "Live", reconnecting: "Reconnecting", offline: "Offline" };
  let source = null, mark = null, retry = 500, lostAt = 0, timer = 0, hideTimer = 0, asking = false, again = false, lastAsked = 0;

  function say(state) {
    if (badge.dataset.state === state) return;
    badge.dataset.state = state;
    badge.querySelector("[data-word]").textContent = words[state];
    document.documentElement.dataset.live = state;
  }

  function open() {
    if (source || document.hidden) return;
    source = new EventSource("/live" + (mark ? "?after=" + encodeURIComponent(mark) : ""));
    source.addEventListener("hello", (event) => heard(event, event.data.split(".")[0] !== region.dataset.position));
    source.addEventListener("changed", (event) => heard(event, true));
    source.onerror = lost;
  }

  function heard(event, changed) {
    const wasLost = lostAt !== 0;
    mark = event.data; retry = 500; lostAt = 0;
    say("live");
    if (changed || wasLost) poke();
  }

  function lost() {
    if (source) source.close();
    source = null;
    if (document.hidden) return;
    lostAt ||= Date.now();
    say(Date.now() - lostAt > OFFLINE_MS || !navigator.onLine ? "offline" : "reconnecting");
    clearTimeout(timer);
    timer = setTimeout(open, retry * (0.75 + Math.random() / 2));
    retry = Math.min(retry * 1.7, 10000);
  }

  /* Browsers allow few connections to one house: a tab that nobody looks at lets go of its own. */
  document.addEventListener("visibilitychange", () => {
    clearTimeout(hideTimer);
    if (document.hidden) {
      hideTimer = setTimeout(() => { if (source) source.close(); source = null; clearTimeout(timer); }, HIDDEN_MS);
    } else {
      retry = 500;
      open();
    }
  });
  window.addEventListener("offline", () => { lostAt ||= Date.now(); say("offline"); });
  window.addEventListener("online", () => { retry = 500; clearTimeout(timer); if (source) source.close(); source = null; open(); });
  window.addEventListener("pagehide", () => { if (source) source.close(); source = null; });
  window.addEventListener("pageshow", (event) => { if (event.persisted) open(); });

  function busy() {
    const focused = document.activeElement;
    if (focused && region.contains(focused) && focused.matches("input:not([type=checkbox]), textarea, select")) return true;
    if (region.querySelector("form[data-dirty], details.menu[open], [data-picked]:checked") || document.querySelector("dialog[open]")) return true;
    return !window.getSelection().isCollapsed;
  }

  function poke() {
    if (region.dataset.still !== undefined) return;
    clearTimeout(poke.timer);
    poke.timer = setTimeout(() => { if (busy()) offer(); else ask(); }, Math.max(0, QUIET_MS - (Date.now() - lastAsked)));
  }

  async function ask() {
    if (asking) { again = true; return; }
    asking = true; lastAsked = Date.now();
    document.querySelector("[data-newer]")?.setAttribute("hidden", "");
    try {
      await window.htmx.ajax("GET", location.pathname + location.search, { source: region, target: region, select: "#main", swap: "outerMorph", selectOOB: "#ties:outerMorph" });
    } catch { /* the stream notices by itself when the house is away */ }
    asking = false;
    if (again) { again = false; poke(); }
  }

  function offer() {
    const strip = document.querySelector("[data-newer]");
    if (strip) strip.removeAttribute("hidden");
  }

  document.addEventListener("click", (event) => {
    if (event.target.closest("[data-show-newer]")) ask();
  });
  /* Relative times grow old by themselves. */
  setInterval(() => { if (!document.hidden && badge.dataset.state === "live") poke(); }, 60000);
  /* What a person has unfolded stays so. */
  document.addEventListener("htmx:before:morph:node", (event) => {
    const { oldNode, newNode } = event.detail || {};
    if (!oldNode || !newNode || oldNode.nodeType !== 1 || newNode.nodeType !== 1) return;
    if (oldNode.tagName === "DETAILS" && newNode.tagName === "DETAILS" && oldNode.open) newNode.open = true;
    if (oldNode.classList.contains("here")) newNode.classList.add("here");
  });
  open();
})();
