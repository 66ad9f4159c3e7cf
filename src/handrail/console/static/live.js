// The event stream carries names only; what changed is fetched with the reader's own rights.
(() => {
  "use strict";
  const body = document.body;
  const stream = body.dataset.events;

  // Time left: counts down from the server's clock, and never decides anything.
  const skew = Date.parse(body.dataset.now) - Date.now();
  const two = (n) => String(n).padStart(2, "0");
  function tick() {
    for (const el of document.querySelectorAll("time[data-until]")) {
      const left = Math.max(0, Math.round((Date.parse(el.dataset.until) - Date.now() - skew) / 1000));
      const h = Math.floor(left / 3600), m = Math.floor((left % 3600) / 60), s = left % 60;
      el.textContent = h > 0 ? `${h} h ${two(m)} min` : `${two(m)}:${two(s)}`;
      el.classList.toggle("hot", left < 180);
    }
  }
  tick();
  setInterval(tick, 1000);

  // Live: rows never move under the pointer or the focus; they collect behind a bar.
  function refresh(el) {
    const busy = el.matches(":hover") || el.contains(document.activeElement);
    const bar = document.getElementById(el.dataset.bar || "");
    if (busy && bar) {
      bar.hidden = false;
    } else {
      if (bar) bar.hidden = true;
      el.dispatchEvent(new CustomEvent("live", { bubbles: false }));
    }
  }
  for (const bar of document.querySelectorAll(".newbar")) {
    bar.addEventListener("click", () => {
      const el = document.querySelector(`[data-bar="${bar.id}"]`);
      bar.hidden = true;
      if (el) el.dispatchEvent(new CustomEvent("live", { bubbles: false }));
    });
  }

  if (stream && "EventSource" in window) {
    let heard = Date.now(), opened = false;
    const source = new EventSource(stream);
    const lost = document.getElementById("lost");
    const hear = (name) => {
      heard = Date.now();
      for (const el of document.querySelectorAll(`[data-live~="${CSS.escape(name)}"]`)) refresh(el);
    };
    source.addEventListener("open", () => {
      heard = Date.now();
      if (opened) for (const el of document.querySelectorAll("[data-live]")) refresh(el);
      opened = true;
    });
    source.addEventListener("beat", () => { heard = Date.now(); });
    source.addEventListener("message", (e) => hear(e.data));
    setInterval(() => {
      const old = Date.now() - heard > 30000;
      body.classList.toggle("stale", old);
      if (lost) lost.hidden = !old;
    }, 2000);
    addEventListener("pagehide", () => source.close());
  }

  // Keys: single letters only move or open; none of them decides.
  const rows = () => [...document.querySelectorAll("[data-row] a[href]")];
  let chord = "";
  addEventListener("keydown", (e) => {
    const at = document.activeElement;
    const typing = at && /^(INPUT|TEXTAREA|SELECT)$/.test(at.tagName);
    if (e.key === "Enter" && (e.ctrlKey || e.metaKey) && typing && at.form) { at.form.requestSubmit(); return; }
    if (typing || e.ctrlKey || e.altKey || e.metaKey) return;
    if (chord === "g") {
      chord = "";
      const to = { i: "/inbox", f: "/feed", m: "/matrix", b: "/pause", a: "/audit" }[e.key];
      if (to) location.href = to;
      return;
    }
    const list = rows(), n = list.indexOf(at);
    const open = (id, focus) => {
      const el = document.getElementById(id);
      if (el) { el.open = true; el.querySelector(focus)?.focus(); e.preventDefault(); }
    };
    switch (e.key) {
      case "g": chord = "g"; setTimeout(() => { chord = ""; }, 1200); break;
      case "j": list[Math.min(n + 1, list.length - 1)]?.focus(); break;
      case "k": list[Math.max(n - 1, 0)]?.focus(); break;
      case "u": if (document.querySelector(".crumbs a")) document.querySelector(".crumbs a").click(); break;
      case "/": document.getElementById("q")?.focus(); e.preventDefault(); break;
      case "d": document.querySelector("#decide button, #decide textarea")?.focus(); break;
      case "x": open("deny", "select"); break;
      case "h": open("hand-over", "select"); break;
      case "?": location.href = "/keys"; break;
    }
  });
})();
