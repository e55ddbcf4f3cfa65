// Before anything is drawn: the theme chosen last, else the system's.
(() => {
  const system = matchMedia("(prefers-color-scheme: dark)");
  const wanted = () => {
    let chosen = null;
    try { chosen = JSON.parse(localStorage.getItem("lorabake:theme")); } catch { /* private window */ }
    return chosen ? chosen === "dark" : system.matches;
  };
  const apply = () => {
    if (document.body.classList.contains("dark") !== wanted()) {
      document.body.classList.toggle("dark", wanted());
    }
  };
  window.lorabakeTheme = apply;
  apply();
  system.addEventListener("change", apply);
  // Gradio sets its own idea of the theme while it starts.
  new MutationObserver(apply).observe(document.body, { attributes: true, attributeFilter: ["class"] });
})();
