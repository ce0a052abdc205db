// The editor: a draft that outlives the page, a warning before it is left, a preview that follows the typing.
"use strict";
{
  const form = document.querySelector("[data-editor]");
  const fields = [...form.querySelectorAll("input[type=text], textarea")];
  const place = `draft:${form.dataset.editor}`;
  const texts = () => Object.fromEntries(fields.map((field) => [field.name, field.value]));
  const saved = JSON.stringify(texts());
  const changed = () => JSON.stringify(texts()) !== saved;
  const store = { get: () => { try { return JSON.parse(localStorage.getItem(place)); } catch { return null; } }, set: (value) => { try { localStorage.setItem(place, JSON.stringify(value)); } catch { /* no draft then */ } }, drop: () => { try { localStorage.removeItem(place); } catch { /* there was none */ } } };

  const draft = store.get();
  const note = document.querySelector("[data-draft]");
  if (draft && draft.version === form.dataset.version && JSON.stringify(draft.texts) !== saved && !document.getElementById("conflict-title")) {
    const before = texts();
    fields.forEach((field) => { field.value = draft.texts[field.name] ?? field.value; });
    document.querySelector("[data-draft-at]").textContent = new Date(draft.at).toLocaleString("en-GB");
    note.hidden = false;
    document.querySelector("[data-drop-draft]").addEventListener("click", () => {
      fields.forEach((field) => { field.value = before[field.name]; });
      store.drop();
      note.hidden = true;
      show();
    });
  }

  let leaving = false;
  let soon;
  const shown = document.querySelector("[data-shown]");
  const show = async () => {
    const body = new FormData(form);
    try {
      const answer = await fetch(form.dataset.preview, { method: "POST", body });
      if (answer.ok) shown.innerHTML = await answer.text(); // rendered and cleaned by the server, as the ticket's page is
    } catch { /* the next key tries again */ }
  };
  form.addEventListener("input", () => {
    if (changed()) store.set({ version: form.dataset.version, at: Date.now(), texts: texts() }); else store.drop();
    clearTimeout(soon);
    soon = setTimeout(show, 400);
  });
  form.addEventListener("submit", () => { leaving = true; store.drop(); });
  document.querySelector("[data-leave]").addEventListener("click", () => { leaving = true; store.drop(); });
  window.addEventListener("beforeunload", (event) => { if (!leaving && changed()) event.preventDefault(); });
  show();
}
