// Code, a formula, a picture or a table that is wider than the screen scrolls in its box: let the keyboard reach such a box, and no
// other. All are measured before one is changed, and only when they have their layout anyway.
const reach = new ResizeObserver(boxes => boxes.map(({target: e}) => [e, e.scrollWidth > e.clientWidth]).forEach(([e, wide]) =>
  wide ? e.setAttribute('tabindex', '0') : e.removeAttribute('tabindex')))
addEventListener('load', () => document.fonts.ready.then(() =>
  document.querySelectorAll('pre, div.math, .picture, .text_html, .pst-scrollable-table-container').forEach(e => reach.observe(e))))
// The menu of colours closes when one is chosen, with Escape, and by a click elsewhere.
const menu = document.querySelector('.theme-switch-container')
addEventListener('click', e => {
  if (e.target.closest('.theme-change-button')) menu.firstElementChild.focus()
  if (!menu.firstElementChild.contains(e.target)) menu.open = false })
addEventListener('keydown', e => { if (e.key == 'Escape' && menu.open) { menu.open = false; menu.firstElementChild.focus() } })
// The way back to the top is there while one scrolls up.
const up = document.getElementById('pst-back-to-top')
let y = 0
addEventListener('scroll', () => { up.style.display = scrollY < y && scrollY > innerHeight ? 'block' : 'none'; y = scrollY }, {passive: true})
up.addEventListener('click', () => scrollTo({top: 0}))
// Paper is white.
let theme
addEventListener('beforeprint', () => { theme = document.documentElement.dataset.theme; document.documentElement.dataset.theme = 'light' })
addEventListener('afterprint', () => { document.documentElement.dataset.theme = theme })
