// Sets the theme before anything is drawn. auto follows the system.
'use strict';
(() => {
  let theme = 'auto';
  try { theme = localStorage.getItem('theme') || 'auto'; } catch { /* storage is off */ }
  document.documentElement.dataset.theme = theme;
})();
