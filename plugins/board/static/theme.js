// Airflow's pages keep the chosen theme in localStorage, which this page shares; it is followed as it changes.
// Not a module: it runs before the first paint.
(() => {
  const dark = matchMedia("(prefers-color-scheme: dark)");

  function follow() {
    const chosen = localStorage.getItem("theme");
    const known = chosen === "light" || chosen === "dark";
    document.documentElement.dataset.theme = known ? chosen : dark.matches ? "dark" : "light";
  }

  addEventListener("storage", follow);
  dark.addEventListener("change", follow);
  follow();
})();
