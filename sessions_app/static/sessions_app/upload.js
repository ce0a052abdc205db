// The drop zone: shows what was chosen, adds what is dropped, and checks the limits before anything is sent.
"use strict";
document.querySelectorAll("[data-upload]").forEach((form) => {
  const zone = form.querySelector("[data-drop]");
  const input = form.querySelector("input[type=file]");
  const list = form.querySelector("[data-chosen]");
  const { maxMb, maxFiles } = form.dataset;
  form.querySelectorAll(".with-script").forEach((part) => { part.hidden = false; });

  const size = (bytes) => (bytes < 1024 * 1024 ? `${Math.max(1, Math.round(bytes / 1024))} kB` : `${(bytes / 1024 / 1024).toFixed(1)} MB`);

  const line = (text, problem) => {
    const item = document.createElement("li");
    item.textContent = text;
    if (problem) item.className = "too-much";
    list.append(item);
  };

  const show = () => {
    const files = [...input.files];
    const tooLarge = files.filter((file) => file.size > maxMb * 1024 * 1024);
    list.replaceChildren();
    files.slice(0, 60).forEach((file) => line(`${file.name}, ${size(file.size)}${tooLarge.includes(file) ? `: larger than ${maxMb} MB` : ""}`, tooLarge.includes(file)));
    if (files.length > maxFiles) line(`${files.length} files: at most ${maxFiles} go at once`, true);
    input.setCustomValidity(tooLarge.length || files.length > maxFiles ? "Some of these are over the limit; choose again without them." : "");
  };
  input.addEventListener("change", show);

  ["dragenter", "dragover"].forEach((name) => zone.addEventListener(name, (event) => {
    event.preventDefault();
    zone.classList.add("over");
  }));
  ["dragleave", "drop"].forEach((name) => zone.addEventListener(name, () => zone.classList.remove("over")));
  zone.addEventListener("drop", (event) => {
    event.preventDefault();
    const all = new DataTransfer();
    [...input.files, ...event.dataTransfer.files].forEach((file) => all.items.add(file));
    input.files = all.files;
    show();
  });
  form.addEventListener("submit", (event) => {
    if (input.files.length || form.elements.pasted.value.trim()) return;
    event.preventDefault();
    list.replaceChildren();
    line("Choose at least one file, or paste a table.", true);
    input.focus();
  });
  show();
});
