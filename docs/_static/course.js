// Code, a formula, a picture or a table that is wider than the screen scrolls in its box: let the keyboard reach such a box, and no
// other. All are measured before one is changed, and only when they have their layout anyway.
const reach = new ResizeObserver(boxes => boxes.map(({target: e}) => [e, e.scrollWidth > e.clientWidth]).forEach(([e, wide]) =>
  wide ? e.setAttribute('tabindex', '0') : e.removeAttribute('tabindex')))
addEventListener('load', () => document.fonts.ready.then(() =>
  document.querySelectorAll('pre, div.math, .picture, .text_html, .pst-scrollable-table-container').forEach(e => reach.observe(e))))
// Paper is white.
let theme
addEventListener('beforeprint', () => { theme = document.documentElement.dataset.theme; document.documentElement.dataset.theme = 'light' })
addEventListener('afterprint', () => { document.documentElement.dataset.theme = theme })
