// Before the first paint, and so no module. The scheme that was chosen here is remembered, and nothing else.
(() => {
  const chosen = () => {
    try {
      return localStorage.getItem("outdial-theme");
    } catch {
      return null;
    }
  };
  const theme = chosen();
  if (theme === "light" || theme === "dark") document.documentElement.dataset.theme = theme;
})();
