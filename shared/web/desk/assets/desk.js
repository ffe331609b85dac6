// What pages do beyond links and forms: keys, taking values over, drafts that survive, countdowns. Everything works without it.
"use strict";
(() => {
  const one = (selector, root = document) => root.querySelector(selector);
  const all = (selector, root = document) => [...root.querySelectorAll(selector)];
  const stored = {
    get: (key) => { try { return localStorage.getItem(key); } catch { return null; } },
    set: (key, value) => { try { localStorage.setItem(key, value); } catch { /* private mode, or full */ } },
    drop: (key) => { try { localStorage.removeItem(key); } catch { /* the same */ } },
  };

  // --- keys
  const KEYS_OFF = "desk:keys-off";
  const typing = (element) => element.matches("input:not([type=checkbox]):not([type=radio]), textarea, select, [contenteditable]");
  const press = (key) => {
    const target = all(`[data-key="${CSS.escape(key)}"]`).find((each) => !each.disabled && each.offsetParent !== null);
    if (!target) return false;
    if (target.matches("input")) { target.focus(); target.select(); } else target.click();
    return true;
  };
  const rows = () => all("[data-rows] [data-row]");
  const fields = () => all("#fields [data-field] input:not([type=hidden]), #fields [data-field] textarea");
  const step = (by) => {
    const list = rows();
    if (list.length) {
      const at = list.findIndex((row) => row.getAttribute("aria-selected") === "true");
      const next = list[Math.min(list.length - 1, Math.max(0, at < 0 && by < 0 ? 0 : at + by))];
      list.forEach((row) => row.removeAttribute("aria-selected"));
      next.setAttribute("aria-selected", "true");
      one("a", next)?.focus();
      return true;
    }
    const inputs = fields();
    const at = inputs.indexOf(document.activeElement);
    inputs[Math.min(inputs.length - 1, Math.max(0, at + by))]?.focus();
    return inputs.length > 0;
  };
  const single = {
    j: () => step(1), k: () => step(-1),
    o: () => { const link = one('[data-row][aria-selected="true"] a'); link?.click(); return Boolean(link); },
    e: () => { fields()[0]?.focus(); return fields().length > 0; },
    x: () => { const why = one("[data-fail]"); if (why) { why.open = true; one("input[name=note]", why).focus(); } return Boolean(why); },
    "?": () => { const dialog = one("#keys"); dialog?.showModal(); return Boolean(dialog); },
  };
  const places = { n: "/", i: "/tasks", o: "/orders", m: "/messages", j: "/jobs", s: "/insight" };
  let prefix = false;
  let leaving = false; // a form was sent: until the next page is there, keys mean nothing
  document.addEventListener("keydown", (event) => {
    const target = event.target instanceof Element ? event.target : document.body;
    if ((event.ctrlKey || event.metaKey) && event.key === "Enter") {
      if (press("c")) event.preventDefault();
      return;
    }
    if (event.altKey && ["v", "s", "p"].includes(event.key)) {
      const field = target.closest("[data-field]");
      if (field && take(field, { v: "vendor", s: "source", p: "similar" }[event.key])) event.preventDefault();
      return;
    }
    if (leaving || event.ctrlKey || event.metaKey || event.altKey || one("dialog[open]")) return;
    if (typing(target)) { if (event.key === "Escape") target.blur(); return; }
    if (stored.get(KEYS_OFF)) return;
    const gone = prefix;
    prefix = false;
    if (gone && places[event.key]) { location.assign(places[event.key]); event.preventDefault(); return; }
    if (event.key === "g") { prefix = true; return; }
    if (single[event.key] ? single[event.key]() : press(event.key)) event.preventDefault();
  });
  document.addEventListener("change", (event) => {
    if (event.target.id !== "keys-on") return;
    if (event.target.checked) stored.drop(KEYS_OFF); else stored.set(KEYS_OFF, "1");
  });

  // --- taking a value over from the source, the vendor or a similar part
  const fieldOf = (button) => {
    let at = button.closest("[data-field]") || button.closest(".from");
    while (at && !at.matches("[data-field]")) at = at.previousElementSibling;
    return at;
  };
  const inputOf = (field) => one("input:not([type=hidden]), textarea", field);
  const fill = (field, value, origin) => {
    const input = inputOf(field);
    input.value = value;
    one("input[type=hidden]", field).value = origin;
    input.dispatchEvent(new CustomEvent("input", { bubbles: true, detail: { origin } }));
  };
  const offers = (field) => {
    const found = all("[data-take]", field);
    for (let at = field.nextElementSibling; at?.matches(".from"); at = at.nextElementSibling) found.push(...all("[data-take]", at));
    return found;
  };
  const take = (field, side) => {
    const offer = offers(field).find((each) => each.dataset.take === side);
    if (offer) fill(field, offer.dataset.value, side);
    return Boolean(offer);
  };
  document.addEventListener("click", (event) => {
    const button = event.target.closest("button");
    if (!button) return;
    if (button.dataset.take) fill(fieldOf(button), button.dataset.value, button.dataset.take);
    if (button.dataset.takeAll) {
      all("#fields [data-field]").filter((field) => inputOf(field).value.trim() === "").forEach((field) => take(field, button.dataset.takeAll));
    }
    if (button.dataset.add) {
      const area = document.getElementById(button.dataset.add);
      if (!area.value.split("\n").includes(button.dataset.value)) area.value = [area.value.trim(), button.dataset.value].filter(Boolean).join("\n");
      area.dispatchEvent(new Event("input", { bubbles: true }));
    }
  });

  // --- the form of a task: what changed, a column pasted from a spreadsheet
  const counted = (form) => {
    let changes = 0;
    for (const input of all("[data-was]", form)) {
      const changed = input.value.trim() !== input.dataset.was;
      changes += changed ? 1 : 0;
      const hint = one(".changed", input.parentElement);
      if (hint) hint.hidden = !changed;
      input.parentElement.toggleAttribute("data-changed", changed);
    }
    const shown = one("[data-changes]", form);
    if (shown) shown.textContent = changes ? `${changes} changed` : "nothing changed: it is approved as it stands";
  };
  const newRow = (form) => {
    const table = one("[data-attributes]", form);
    const cells = [...table.children].slice(-4).map((cell) => table.appendChild(cell.cloneNode(true)));
    all("input", table).slice(-4).forEach((input) => { input.value = ""; });
    return cells;
  };
  document.addEventListener("paste", (event) => {
    const text = event.clipboardData?.getData("text/plain") ?? "";
    const input = event.target;
    if (!(input instanceof HTMLInputElement) || !input.closest("[data-attributes]") || !text.trim().includes("\n")) return;
    event.preventDefault();
    const form = input.form;
    const lines = text.split(/\r?\n/).filter((line) => line.trim());
    const column = () => all(`[data-attributes] input[name=${input.name}]`, form);
    const from = column().indexOf(input);
    lines.forEach((line, number) => {
      while (column().length <= from + number) newRow(form);
      const [first, ...rest] = line.split("\t").map((part) => part.trim());
      column()[from + number].value = first;
      if (rest.length && input.name === "attribute_name") all("[data-attributes] input[name=attribute_value]", form)[from + number].value = rest.join(" ");
    });
    input.dispatchEvent(new Event("input", { bubbles: true }));
  });

  // --- drafts: sent while one types; kept in this browser until the server has them
  const keyOf = (form) => `desk:${form.dataset.person}:task:${form.dataset.task}`;
  const lease = (text) => { const shown = one("#lease"); if (shown) { shown.innerHTML = '<span class="tag warn"></span>'; shown.firstChild.textContent = text; } };
  const keep = (form) => stored.set(keyOf(form), JSON.stringify([...new FormData(form)].filter(([name]) => !["token", "call"].includes(name))));
  let timer = 0;
  const send = async (form) => {
    const sent = new FormData(form);
    try {
      const answer = await fetch(form.dataset.draft, {
        method: "POST", body: new URLSearchParams(sent), headers: { "HX-Request-Type": "partial" }, redirect: "error", signal: AbortSignal.timeout(15000),
      });
      if (!answer.ok) throw new Error(String(answer.status));
      const shown = one("#lease");
      if (shown) shown.outerHTML = await answer.text();
      stored.drop(keyOf(form));
    } catch (error) {
      lease(`not saved yet: kept in this browser (${error.message === "403" ? "sign in again" : "trying again"})`);
      clearTimeout(timer);
      timer = setTimeout(() => { if (form.isConnected) send(form); }, 4000);
    }
  };
  document.addEventListener("input", (event) => {
    const form = event.target.form;
    if (!form?.dataset.draft) return;
    if (!event.detail?.origin) { const origin = one("input[type=hidden]", event.target.closest("[data-field]") || form); if (event.target.closest("[data-field]")) origin.value = "typed"; }
    const table = one("[data-attributes]", form);
    if (table && all("input[name=attribute_name]", table).at(-1)?.value) newRow(form);
    counted(form);
    keep(form);
    clearTimeout(timer);
    timer = setTimeout(() => send(form), 700);
  });
  const restore = (form) => {
    const kept = JSON.parse(stored.get(keyOf(form)) ?? "null");
    if (!kept) return;
    const seen = {};
    for (const [name, value] of kept) {
      seen[name] = (seen[name] ?? -1) + 1;
      while (name.startsWith("attribute_") && all(`[name="${CSS.escape(name)}"]`, form).length <= seen[name]) newRow(form);
      const input = all(`[name="${CSS.escape(name)}"]`, form)[seen[name]];
      if (input && input.type === "checkbox") all(`[name="${CSS.escape(name)}"]`, form).forEach((box) => { box.checked = box.checked || box.value === value; });
      else if (input) input.value = value;
    }
    counted(form);
    send(form);
  };

  // --- counters: how many characters the carrier's line still takes
  const measure = (input) => {
    const shown = one("[data-count]", input.parentElement);
    if (!shown) return;
    const most = Number(input.dataset.most);
    shown.textContent = input.value.length ? `${input.value.length} of ${most}` : "";
    shown.classList.toggle("error", input.value.length > most);
  };
  document.addEventListener("input", (event) => { if (event.target.dataset?.most) measure(event.target); });
  document.addEventListener("toggle", (event) => { if (event.target.open) all("[data-most]", event.target).forEach(measure); }, true);

  // --- time
  const tick = () => {
    for (const each of all("[data-until]")) {
      const left = Math.floor((new Date(each.dataset.until) - Date.now()) / 1000);
      if (left <= 0) { each.className = "tag warn"; each.textContent = "your claim has ended: type, and it is yours again if it is free"; }
      else if (left < 600) each.textContent = `yours for ${Math.floor(left / 60)}:${String(left % 60).padStart(2, "0")}`;
    }
    for (const toast of all("[data-toast]")) {
      const left = Number(toast.dataset.toast) - 1;
      toast.dataset.toast = left;
      const shown = one("[data-left]", toast);
      if (shown) shown.textContent = `${left} s`;
      if (left <= 0 && !toast.contains(document.activeElement) && !toast.matches(":hover")) toast.remove();
    }
  };
  setInterval(tick, 1000);

  // --- polling: the page says so when it cannot
  const stale = (is) => all("[data-stale]").forEach((each) => { each.hidden = !is; });
  document.addEventListener("htmx:error", () => stale(true));
  document.addEventListener("htmx:response:error", () => stale(true));
  document.addEventListener("htmx:after:request", (event) => { if ((event.detail?.ctx?.response?.status ?? 500) < 400) stale(false); });

  // --- a form is sent once
  document.addEventListener("submit", (event) => {
    if (event.defaultPrevented || event.target.target || event.target.method === "dialog") return;
    leaving = true;
    clearTimeout(timer);
    setTimeout(() => all("button", event.target).forEach((button) => { button.disabled = true; }), 0);
  });
  addEventListener("pageshow", (event) => { if (event.persisted) location.reload(); });

  const begin = () => {
    const form = one("#fields");
    const done = one(".toast form");
    if (done) stored.drop(`desk:${one(".who strong").textContent}:task:${done.getAttribute("action").split("/")[2]}`);
    if (one("#keys-on")) one("#keys-on").checked = !stored.get(KEYS_OFF);
    if (form?.dataset.draft) { restore(form); counted(form); }
    all("details[open] [data-most]").forEach(measure);
    one("details.decision[open] input:not([type=hidden])")?.focus();
  };
  if (document.readyState === "loading") document.addEventListener("DOMContentLoaded", begin); else begin();
})();
