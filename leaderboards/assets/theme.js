// Light or dark: as the reader chose here before, otherwise as the system says. Runs before anything is drawn; what
// plots look like is here, too.
(() => {
  const system = matchMedia("(prefers-color-scheme: dark)");
  let chosen = null;
  try { chosen = localStorage.getItem("ccbench-theme"); } catch { /* no storage from a file in some browsers */ }
  const apply = () => {
    const dark = chosen === "dark" || (chosen === null && system.matches);
    document.documentElement.classList.toggle("dark", dark);
    document.getElementById("theme")?.setAttribute("aria-pressed", String(dark));
    document.dispatchEvent(new Event("theme"));
  };
  apply();
  window.ccbenchLook = {
    colours: ["#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#8C6D31", "#777777"],
    scheme: () => {
      const style = getComputedStyle(document.documentElement);
      const named = (name) => [name, style.getPropertyValue(`--${name}`).trim()];
      return Object.fromEntries(["ink", "soft", "paper", "line"].map(named));
    },
  };
  system.addEventListener("change", apply);
  document.addEventListener("DOMContentLoaded", () => {
    apply();
    document.getElementById("theme").addEventListener("click", () => {
      chosen = document.documentElement.classList.contains("dark") ? "light" : "dark";
      try { localStorage.setItem("ccbench-theme", chosen); } catch { /* then it holds for this page */ }
      apply();
    });
  });
})();
