// Keys on lists and tickets; filters that change the table without loading the page again.
"use strict";
{
  const links = () => [...document.querySelectorAll(".row-link")];
  const step = (by) => {
    const neighbour = document.querySelector(`.neighbours [rel=${by > 0 ? "next" : "prev"}]`);
    if (neighbour) { neighbour.click(); return; }
    const all = links();
    const at = all.indexOf(document.activeElement);
    all[at < 0 ? (by > 0 ? 0 : all.length - 1) : Math.min(all.length - 1, Math.max(0, at + by))]?.focus();
  };

  // What a key does on a ticket's page: press the button, follow the link or open the fold that names it.
  const act = (key) => {
    const place = document.querySelector(`[data-key="${key}"]`);
    if (!place) return;
    if (place.tagName === "DETAILS") { place.open = true; place.querySelector("input:not([type=hidden])").focus(); } else if (place.tagName === "FORM") place.requestSubmit(); else place.click();
  };
  const tick = () => document.activeElement.closest("tr")?.querySelector("[name=ticket]")?.click();
  const bulk = (verb) => document.querySelector(`#bulk [value=${verb}]`)?.click();

  window.keys({
    j: () => step(1),
    k: () => step(-1),
    x: tick,
    e: () => act("e"),
    a: () => (document.querySelector("[data-key=a]") ? act("a") : bulk("approve")),
    r: () => (document.querySelector("[data-key=r]") ? act("r") : document.getElementById("bulk-reason")?.focus()),
    u: () => document.querySelector(".neighbours [rel=up]")?.click(),
    "/": () => document.getElementById("q")?.select(),
  });

  const picks = () => [...document.querySelectorAll("[name=ticket]")];
  const count = () => {
    const all = document.querySelector("#bulk [name=all]")?.checked;
    const picked = picks().filter((pick) => pick.checked).length;
    const told = document.querySelector("[data-selected]");
    if (told) told.textContent = all ? "All that match are selected." : picked ? `${picked} selected.` : "Select tickets to judge many at once.";
  };
  const ready = () => {
    const box = document.querySelector("[data-all]");
    if (box) box.hidden = false;
    count();
  };
  document.addEventListener("change", (event) => {
    if (event.target.matches("[data-all]")) picks().forEach((pick) => { pick.checked = event.target.checked; });
    if (event.target.matches("[data-all], [name=ticket], [name=all]")) count();
  });
  document.addEventListener("htmx:afterSwap", ready);
  ready();

  // Wide tables in a ticket's text scroll by themselves and can be reached by keyboard.
  const frameTables = (within) => within.querySelectorAll(".prose table").forEach((table) => {
    if (table.parentElement.className === "scroll") return;
    const frame = document.createElement("div");
    frame.className = "scroll";
    frame.tabIndex = 0;
    table.replaceWith(frame);
    frame.append(table);
  });
  frameTables(document);
  document.addEventListener("htmx:afterSwap", (event) => frameTables(event.detail.target));

  document.addEventListener("htmx:configRequest", (event) => {
    const { parameters } = event.detail;
    Object.keys(parameters).forEach((name) => { if (parameters[name] === "" || (name === "size" && parameters[name] === "50")) delete parameters[name]; });
  });
  document.addEventListener("htmx:afterSwap", (event) => {
    if (event.detail.target.id !== "tickets") return;
    document.querySelector("[data-announce]").textContent = event.detail.target.querySelector("[data-count]").textContent;
  });
  // The server is gone or signed us out: a plain request says so.
  document.addEventListener("htmx:responseError", () => document.querySelector("[data-filters]")?.submit());
}
