// What makes the pages live. Everything here can be left out: the pages work without it.
// It reads, moves and opens; nothing in this file decides anything.
(() => {
  "use strict";
  const body = document.body;
  const all = (selector, root = document) => [...root.querySelectorAll(selector)];
  const by = (id) => document.getElementById(id);

  // --- time, by the server's clock ----------------------------------------------------------
  const skew = Date.parse(body.dataset.now) - Date.now();
  const now = () => Date.now() + skew;
  const two = (n) => String(n).padStart(2, "0");
  const words = (s) => {
    const h = Math.floor(s / 3600), m = Math.floor((s % 3600) / 60);
    return h > 0 ? `${h} h ${two(m)} min` : `${two(m)}:${two(s % 60)}`;
  };
  const secondsTo = (el) => Math.max(0, Math.round((Date.parse(el.dataset.until) - now()) / 1000));
  const said = new Set();
  function tick() {
    for (const el of all("time[data-until]")) {
      const left = secondsTo(el), text = words(left);
      if (el.textContent !== text) el.textContent = text;
      el.classList.toggle("hot", left < 180 && !("calm" in el.dataset));
      // One polite word at five minutes and at one; the counting itself is not read out.
      const note = el.getAttribute("role") === "timer" && by("announce");
      for (const minutes of note ? [5, 1] : []) {
        if (left <= minutes * 60 && left > minutes * 60 - 10 && !said.has(minutes)) {
          said.add(minutes);
          note.textContent = `${minutes} minute${minutes > 1 ? "s" : ""} left to decide`;
        }
      }
    }
    for (const el of all("rect[data-until]")) {
      el.setAttribute("width", Math.min(100, (100 * secondsTo(el)) / el.dataset.window));
    }
  }
  // Times of day in the reader's own zone; the whole instant stays in the title.
  const clock = new Intl.DateTimeFormat("en-GB", { hour: "2-digit", minute: "2-digit" });
  const dated = new Intl.DateTimeFormat("en-GB", { day: "numeric", month: "short", hour: "2-digit", minute: "2-digit" });
  function localise() {
    const today = new Date(now()).toDateString();
    for (const el of all("time[data-local]")) {
      const at = new Date(el.dateTime);
      el.textContent = (at.toDateString() === today ? clock : dated).format(at);
    }
  }
  tick();
  localise();
  setInterval(tick, 1000);

  // --- regions that fetch themselves again --------------------------------------------------
  // Rows never move under the pointer, the finger or the focus: they collect behind a bar.
  let touched = 0;
  addEventListener("touchstart", () => { touched = Date.now(); }, { passive: true });
  const ids = (root) => all("[data-row][id]", root).map((row) => row.id);
  const go = (el) => el.dispatchEvent(new CustomEvent("live", { bubbles: false }));
  const busy = (el) => el.matches(":hover") || el.contains(document.activeElement) || scrollY > 40 || Date.now() - touched < 3000;

  async function refresh(el) {
    const bar = el.dataset.bar && by(el.dataset.bar);
    if (!bar || (!busy(el) && bar.hidden)) return go(el);
    const answer = await fetch(el.getAttribute("hx-get"), { headers: { "HX-Request": "true" } }).catch(() => null);
    if (!answer || !answer.ok) return;
    const page = new DOMParser().parseFromString(await answer.text(), "text/html");
    const fresh = page.getElementById(el.id);
    if (!fresh) return;
    // What moves nothing is shown at once: how far a reversal is, in the line where it stood.
    for (const now of all("[data-now]", fresh)) {
      const old = now.id ? by(now.id) : by(now.closest("[id]").id)?.querySelector("[data-now]");
      if (old && old.innerHTML !== now.innerHTML) old.replaceWith(now.cloneNode(true));
    }
    const there = ids(el), wanted = ids(fresh);
    const added = wanted.filter((id) => !there.includes(id)).length;
    for (const id of there) by(id)?.classList.toggle("gone", !wanted.includes(id));
    const removed = there.some((id) => !wanted.includes(id));
    bar.textContent = added ? bar.dataset[added === 1 ? "one" : "many"].replace("{n}", added) : bar.dataset.changed;
    bar.hidden = !added && !removed;
  }
  // A pointer that arrives while an answer is on its way counts as well.
  const asked = new Set();
  addEventListener("htmx:before:swap", (e) => {
    const el = e.target;
    if (el.dataset?.bar && !asked.delete(el) && busy(el)) { e.preventDefault(); refresh(el); }
  });
  addEventListener("click", (e) => {
    const bar = e.target.closest?.(".newbar");
    if (!bar) return;
    bar.hidden = true;
    for (const el of all(`[data-bar="${bar.id}"]`)) { asked.add(el); go(el); }
  });

  // An answer that is no page of ours never replaces what is there.
  addEventListener("htmx:before:response", (e) => {
    const { response, request, sourceElement } = e.detail.ctx;
    if (response.status < 400) return;
    e.preventDefault();
    if (request.method !== "GET" && sourceElement?.submit) sourceElement.submit(); // show why, as a page
    else if (response.status === 401) lost("You are signed out. Sign in again to see what is new.");
    else lost();
  });
  addEventListener("htmx:error", () => lost());
  addEventListener("htmx:after:swap", () => { tick(); localise(); moved(); });

  // The package under the reader's eyes never swaps: what can't be decided any more is disabled.
  function moved() {
    const is = by("moved"), panel = by("decide");
    if (!is || !panel || panel.dataset.state !== "waiting") return;
    const other = is.dataset.version !== panel.dataset.version || is.dataset.state !== "waiting";
    for (const button of all("[data-decides]", panel)) button.disabled = other;
  }

  // --- the stream of names ------------------------------------------------------------------
  let heard = Date.now(), source = null, open = false;
  function lost(text) {
    const bar = by("lost");
    if (!bar) return;
    if (text) bar.textContent = text;
    else if (bar.hidden && by("lost-at")) by("lost-at").textContent = clock.format(new Date(heard));
    bar.hidden = false;
    body.classList.add("stale");
  }
  function found() {
    heard = Date.now();
    if (by("lost")) by("lost").hidden = true;
    body.classList.remove("stale");
    if (by("is-live")) by("is-live").hidden = false;
  }
  const waiting = new Map();
  function hear(name) {
    found();
    for (const el of all("[data-live]")) {
      if (name !== "*" && !el.dataset.live.split(" ").includes(name)) continue;
      // A burst is one fetch; one that does not end puts none off.
      if (waiting.has(el.id)) continue;
      waiting.set(el.id, setTimeout(() => { waiting.delete(el.id); refresh(el); }, 150));
    }
  }
  // One stream a browser: the tab that holds the lock listens and passes the names on.
  const others = "BroadcastChannel" in window ? new BroadcastChannel("handrail") : null;
  const tell = (name) => { name ? hear(name) : found(); others?.postMessage(name); };
  others?.addEventListener("message", (e) => (e.data ? hear(e.data) : found()));
  function listen(done) {
    source = new EventSource(body.dataset.events);
    source.addEventListener("open", () => { if (open) tell("*"); open = true; tell(""); });
    source.addEventListener("beat", () => tell(""));
    source.addEventListener("message", (e) => tell(e.data));
    addEventListener("pagehide", () => { source.close(); done?.(); });
  }
  if (body.dataset.events && "EventSource" in window) {
    if (navigator.locks) navigator.locks.request("handrail", () => new Promise(listen));
    else listen();
    setInterval(() => {
      if (Date.now() - heard <= 30000) return;
      lost();
      // Nothing is heard: ask by ourselves, every ten seconds, while someone looks.
      if (document.hidden || Date.now() % 10000 >= 2000) return;
      if (source && source.readyState === EventSource.CLOSED) listen();
      fetch("/keys", { method: "HEAD", headers: { "HX-Request": "true" } })
        .then((r) => { if (r.ok) hear("*"); else if (r.status === 401) lost("You are signed out. Sign in again to see what is new."); })
        .catch(() => {});
    }, 2000);
  }

  // --- forms --------------------------------------------------------------------------------
  addEventListener("submit", (e) => {
    for (const button of all("button[data-busy]", e.target)) {
      const label = button.querySelector("span") || button;
      label.textContent = button.dataset.busy;
    }
  });
  addEventListener("pageshow", (e) => { if (e.persisted) location.reload(); });
  const opened = by("opened");
  if (opened) {
    // That the package was on screen is part of its story.
    const once = () => {
      if (document.hidden) return;
      document.removeEventListener("visibilitychange", once);
      fetch(opened.action, { method: "POST", body: new URLSearchParams(new FormData(opened)) })
        .then((r) => { if (r.ok) for (const field of all("[data-opened]")) field.value = "1"; })
        .catch(() => {});
    };
    document.addEventListener("visibilitychange", once);
    setTimeout(once, 1000);
  }
  if (location.hash === "#report" && by("report")) by("report").open = true;

  // --- keys: single letters only move or open -----------------------------------------------
  const rows = () => all("[data-row] a[href]:not(.btn)");
  const pages = { i: "/inbox", f: "/feed", m: "/matrix", b: "/pause", a: "/audit" };
  let chord = false;
  addEventListener("keydown", (e) => {
    const at = document.activeElement, typing = at && /^(INPUT|TEXTAREA|SELECT)$/.test(at.tagName);
    if (e.key === "Enter" && (e.ctrlKey || e.metaKey) && typing && at.form) return at.form.requestSubmit();
    if (typing || e.ctrlKey || e.altKey || e.metaKey || body.dataset.letters === "off") return;
    if (chord) {
      chord = false;
      if (pages[e.key]) location.href = pages[e.key];
      return;
    }
    const list = rows(), n = list.indexOf(at);
    const show = (id, field) => {
      const el = by(id);
      if (!el) return;
      el.open = true;
      el.querySelector(field)?.focus();
      e.preventDefault();
    };
    switch (e.key) {
      case "g": chord = true; setTimeout(() => { chord = false; }, 1200); break;
      case "j": list[Math.min(n + 1, list.length - 1)]?.focus(); break;
      case "k": list[Math.max(n - 1, 0)]?.focus(); break;
      case "u": document.querySelector(".crumbs a")?.click(); break;
      case "/": by("q")?.focus(); e.preventDefault(); break;
      case "d": by("decide")?.scrollIntoView({ block: "nearest" }); by("decide")?.querySelector("input:not([type=hidden]),textarea,summary,button")?.focus(); e.preventDefault(); break;
      case "x": show("deny", "input[type=radio]"); break;
      case "h": show("hand-over", "select"); break;
      case "z": by("undo")?.focus(); break;
      case "?": location.href = "/keys"; break;
    }
  });
})();
