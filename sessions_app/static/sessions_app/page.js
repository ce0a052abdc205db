// On every page: local times, buttons that say they are busy, copying, shortcuts.
"use strict";
{
  const format = new Intl.DateTimeFormat("en-GB", { day: "numeric", month: "short", year: "numeric", hour: "2-digit", minute: "2-digit", timeZoneName: "short" });

  const localTimes = (within) => within.querySelectorAll("time[datetime]:not([data-local])").forEach((time) => {
    const at = new Date(time.dateTime);
    if (Number.isNaN(at.getTime())) return;
    time.dataset.local = "";
    time.title = time.textContent;
    time.textContent = format.format(at);
  });

  const busy = (form, button, on) => {
    button.disabled = on;
    form.toggleAttribute("aria-busy", on);
    if (on) button.dataset.label = button.innerHTML;
    if (on) button.textContent = button.dataset.busy; else button.innerHTML = button.dataset.label;
  };
  document.addEventListener("submit", (event) => {
    const button = event.submitter || event.target.querySelector("[data-busy]");
    if (event.defaultPrevented || !button?.dataset.busy) return;
    setTimeout(() => busy(event.target, button, true));
  });
  window.addEventListener("pageshow", (event) => {
    if (event.persisted) document.querySelectorAll("[data-busy]:disabled").forEach((button) => busy(button.form, button, false));
  });

  document.querySelectorAll("[data-copy]").forEach((button) => {
    const field = document.getElementById(button.dataset.copy);
    button.hidden = false;
    button.addEventListener("click", async () => {
      field.select();
      try { await navigator.clipboard.writeText(field.value); button.textContent = "Copied"; } catch { button.textContent = "Press Ctrl+C"; }
    });
  });

  const dialog = document.getElementById("shortcuts");
  const choice = document.getElementById("keys-on");
  try { choice.checked = localStorage.getItem("keys") !== "off"; } catch { /* stays on */ }
  choice.addEventListener("change", () => { try { localStorage.setItem("keys", choice.checked ? "on" : "off"); } catch { /* this page only */ } });
  document.querySelectorAll("[data-open-help]").forEach((button) => {
    button.hidden = false;
    button.addEventListener("click", () => dialog.showModal());
  });

  // keys({j: function}) is for the other scripts; single keys are off in fields, in dialogs and when switched off.
  const handlers = { "?": () => dialog.showModal() };
  window.keys = (more) => Object.assign(handlers, more);
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.isComposing || !choice.checked) return;
    if (dialog.open || event.target.closest("input:not([type=checkbox]), textarea, select, [contenteditable]")) return;
    const handler = handlers[event.key];
    if (!handler) return;
    event.preventDefault();
    handler();
  });

  window.localTimes = localTimes;
  localTimes(document);
  document.addEventListener("htmx:afterSwap", (event) => localTimes(event.detail.target));
}
