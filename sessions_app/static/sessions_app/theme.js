// Runs before the first paint: the remembered theme, else the system's.
"use strict";
{
  const root = document.documentElement;
  const NEXT = { auto: "light", light: "dark", dark: "auto" };
  const remembered = () => { try { return localStorage.getItem("theme") || "auto"; } catch { return "auto"; } };

  const apply = (theme) => {
    if (theme === "auto") delete root.dataset.theme; else root.dataset.theme = theme;
  };
  apply(remembered());

  document.addEventListener("DOMContentLoaded", () => {
    const button = document.querySelector("[data-theme-switch]");
    const label = (theme) => { button.textContent = `Theme: ${theme}`; };
    button.hidden = false;
    label(remembered());
    button.addEventListener("click", () => {
      const theme = NEXT[remembered()] || "auto";
      try { localStorage.setItem("theme", theme); } catch { /* private window: lasts for this page */ }
      apply(theme);
      label(theme);
    });
  });
}
