// A formula that is wider than the screen scrolls in its box: let the keyboard reach such a box, and no other.
const reach = () => document.querySelectorAll('div.math').forEach(e =>
  e.scrollWidth > e.clientWidth ? e.setAttribute('tabindex', '0') : e.removeAttribute('tabindex'))
addEventListener('load', () => document.fonts.ready.then(reach))
addEventListener('resize', reach)
document.addEventListener('toggle', reach, true)
