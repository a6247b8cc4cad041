// Runs before the first paint, so that a chosen theme does not flash the other one. Kept out of index.html by the CSP.
try {
  var theme = JSON.parse(localStorage.getItem('livedesk.console.settings') || '{}').theme
  if (theme === 'light' || theme === 'dark') document.documentElement.dataset.theme = theme
} catch {
  // Storage is refused: the system's theme it is.
}
