// A formula, a picture or a table that is wider than the screen scrolls in its box: let the keyboard reach such a box, and no other.
const reach = () => document.querySelectorAll('div.math, .picture, .text_html, .pst-scrollable-table-container').forEach(e =>
  e.scrollWidth > e.clientWidth ? e.setAttribute('tabindex', '0') : e.removeAttribute('tabindex'))
addEventListener('load', () => document.fonts.ready.then(reach))
addEventListener('resize', reach)
document.addEventListener('toggle', reach, true)
// Paper is white.
let theme
addEventListener('beforeprint', () => { theme = document.documentElement.dataset.theme; document.documentElement.dataset.theme = 'light' })
addEventListener('afterprint', () => { document.documentElement.dataset.theme = theme })
