// Has the scripts run when the page's frame is drawn, not before: on a busy machine
// they would hold it up. A page that nobody sees draws nothing, and needs not wait.
'use strict';
(() => {
  const begin = () => import('/app.js');
  if (document.hidden) begin();
  else requestAnimationFrame(() => setTimeout(begin));
})();
