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

  /* Of all tabs one holds the stream and tells the others: browsers allow few connections to one house. */
  const shared = navigator.locks && window.BroadcastChannel ? new BroadcastChannel("returns-ledger-live") : null;
  let letGo = null, waiting = null;

  function begin() {
    if (document.hidden) return;
    if (!shared) { open(); return; }
    if (letGo || waiting) return;
    waiting = new AbortController();
    navigator.locks.request("returns-ledger-live", { signal: waiting.signal }, () => new Promise((done) => {
      waiting = null; letGo = done;
      open();
    })).catch(() => {});
    shared.postMessage({ ask: true });
  }

  function end() {
    if (source) source.close();
    source = null;
    clearTimeout(timer);
    if (waiting) waiting.abort();
    waiting = null;
    if (letGo) letGo();
    letGo = null;
  }

  if (shared) shared.onmessage = ({ data }) => {
    if (data.ask) { if (letGo && mark) tell({ mark, state: badge.dataset.state }); return; }
    if (letGo) return;
    if (data.state === "live") heard(data.mark); else if (data.state) { lostAt ||= Date.now(); say(data.state); }
  };

  function tell(told) { if (shared && letGo) shared.postMessage(told); }

  function open() {
    if (source) return;
    source = new EventSource("/live" + (mark ? "?after=" + encodeURIComponent(mark) : ""));
    for (const name of ["hello", "changed"]) source.addEventListener(name, (event) => { heard(event.data); tell({ mark, state: "live" }); });
    source.onerror = lost;
  }

  function heard(now) {
    const wasLost = lostAt !== 0;
    const changed = mark === null ? now.split(".")[0] !== region.dataset.position : now !== mark;
    mark = now; retry = 500; lostAt = 0;
    say("live");
    if (changed || wasLost) poke();
  }

  function lost() {
    if (source) source.close();
    source = null;
    if (document.hidden) return;
    lostAt ||= Date.now();
    say(Date.now() - lostAt > OFFLINE_MS || !navigator.onLine ? "offline" : "reconnecting");
    tell({ state: badge.dataset.state });
    clearTimeout(timer);
    timer = setTimeout(open, retry * (0.75 + Math.random() / 2));
    retry = Math.min(retry * 1.7, 10000);
  }

  /* A tab that nobody looks at leaves it to the others. */
  document.addEventListener("visibilitychange", () => {
    clearTimeout(hideTimer);
    if (document.hidden) hideTimer = setTimeout(end, HIDDEN_MS);
    else { retry = 500; begin(); }
  });
  window.addEventListener("offline", () => { lostAt ||= Date.now(); say("offline"); });
  window.addEventListener("online", () => { retry = 500; end(); begin(); });
  window.addEventListener("pagehide", end);
  window.addEventListener("pageshow", (event) => { if (event.persisted) begin(); });

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
  begin();
})();
