// Light or dark: as the reader chose here before, otherwise as the system says. Runs before anything is drawn.
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
