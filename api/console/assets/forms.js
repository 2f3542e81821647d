/* Forms: what is typed survives a reload and a house that is away; what is sent says how it went, in its place. */
(() => {
  "use strict";
  const key = (form) => "kept:" + location.pathname + ":" + form.dataset.keep;
  const kept = (form) => [...form.elements].filter((one) => one.name && one.name !== "csrf" && !["hidden", "submit", "button", "checkbox"].includes(one.type));

  function remember(form) {
    const values = {};
    for (const one of kept(form)) if (one.value !== one.defaultValue && one.value) values[one.name] = one.value;
    form.toggleAttribute("data-dirty", Object.keys(values).length > 0);
    try {
      if (Object.keys(values).length) sessionStorage.setItem(key(form), JSON.stringify(values));
      else sessionStorage.removeItem(key(form));
    } catch { /* no storage: the page itself still has it */ }
  }

  function restore(form) {
    if (form.dataset.restored) return;
    form.dataset.restored = "yes";
    let values = null;
    try { values = JSON.parse(sessionStorage.getItem(key(form)) || "null"); } catch { return; }
    if (!values) return;
    for (const one of kept(form)) if (values[one.name] !== undefined) one.value = values[one.name];
    form.setAttribute("data-dirty", "");
    form.closest("details")?.setAttribute("open", "");
  }

  function restoreAll() { document.querySelectorAll("form[data-keep]").forEach(restore); }
  document.addEventListener("input", (event) => { const form = event.target.closest?.("form[data-keep]"); if (form) remember(form); });
  document.addEventListener("htmx:after:swap", restoreAll);
  restoreAll();

  function tell(form, words, wrong) {
    let place = form.querySelector("[data-said]");
    if (!place) {
      place = document.createElement("p");
      place.dataset.said = "";
      place.setAttribute("role", "status");
      form.append(place);
    }
    place.className = wrong ? "said wrong" : "said";
    place.textContent = words;
  }

  document.addEventListener("submit", async (event) => {
    const form = event.target;
    if (!form.matches("form[data-send]")) return;
    event.preventDefault();
    if (form.dataset.sending) return;
    form.dataset.sending = "yes";
    tell(form, "Sending…", false);
    const body = new URLSearchParams(new FormData(form, event.submitter));
    try {
      const answer = await fetch(form.getAttribute("action"), { method: "POST", body, headers: { Accept: "application/json" }, credentials: "same-origin", redirect: "follow" });
      if (answer.ok) {
        try { sessionStorage.removeItem(key(form)); } catch { /* none */ }
        form.removeAttribute("data-dirty");
        tell(form, "Done.", false);
        /* Until the next page is there it stays sent: a second click would decide again. */
        location.assign(answer.redirected ? answer.url : location.href);
        return;
      }
      const problem = await answer.json().catch(() => ({}));
      tell(form, problem.detail || "That did not work (" + answer.status + "). What you typed is kept.", true);
    } catch {
      tell(form, "Not sent: the house cannot be reached. What you typed is kept; send it again when the badge says Live.", true);
    }
    delete form.dataset.sending;
  });
  window.addEventListener("pageshow", (event) => {
    if (event.persisted) document.querySelectorAll("form[data-sending]").forEach((form) => { delete form.dataset.sending; });
  });
})();
