// Applies the stored theme before the first paint, which a module could not. The theme is the only thing stored.
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
