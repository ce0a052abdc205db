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

  window.keys({
    j: () => step(1),
    k: () => step(-1),
    u: () => document.querySelector(".neighbours [rel=up]")?.click(),
    "/": () => document.getElementById("q")?.select(),
  });

  // Wide tables in a ticket's text scroll by themselves and can be reached by keyboard.
  document.querySelectorAll(".prose table").forEach((table) => {
    const frame = document.createElement("div");
    frame.className = "scroll";
    frame.tabIndex = 0;
    table.replaceWith(frame);
    frame.append(table);
  });

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
