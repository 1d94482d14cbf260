// What the explorers share: elements, values as Python writes them, the frame around a picture, the address, the notebook.
// One explorer is one file beside this one; groundup/support/explore.py joins the two for a page or for a notebook.

export function tag(name, attrs, ...inside) {
  // a name that begins with `s:` is one of SVG
  const e = name.startsWith('s:')
    ? document.createElementNS('http://www.w3.org/2000/svg', name.slice(2))
    : document.createElement(name)
  for (const [k, v] of Object.entries(attrs ?? {}))
    if (k.startsWith('on')) e.addEventListener(k.slice(2), v)
    else if (v != null && v !== false) e.setAttribute(k, v === true ? '' : v)
  e.append(...inside.flat(9).filter(o => o != null && o !== false))
  return e
}
export const picture = (w, h, label, ...inside) =>
  tag(
    'div',
    {class: 'x-wide'}, // as wide as it is, and scrolled where that is too wide
    tag(
      's:svg',
      {
        viewBox: `0 0 ${w} ${h}`,
        width: w,
        height: h,
        ...(label ? {role: 'img', 'aria-label': label} : {'aria-hidden': 'true'})
      },
      inside
    )
  )
export const text = (x, y, s, attrs) =>
  tag('s:text', {x, y, 'text-anchor': 'middle', 'dominant-baseline': 'central', ...attrs}, s)

export const row = (name, ...cells) => tag('tr', {}, tag('th', {scope: 'row'}, name), cells)
export const table = (heads, ...rows) =>
  tag(
    'div',
    {class: 'x-wide'},
    tag(
      'table',
      {},
      tag(
        'thead',
        {},
        tag(
          'tr',
          {},
          heads.map(o => tag('th', {scope: 'col'}, o))
        )
      ),
      tag('tbody', {}, rows)
    )
  )

// values as Python writes them
export const tuple = s => `(${s.join(', ')}${s.length == 1 ? ',' : ''})`
export const product = s => s.reduce((a, n) => a * n, 1)
export function repr(s) {
  const q = s.includes("'") && !s.includes('"') ? '"' : "'",
    named = {'\n': '\\n', '\t': '\\t', '\r': '\\r'}
  return (
    q +
    Array.from(s, c =>
      c == q || c == '\\'
        ? '\\' + c
        : (named[c] ??
          (/[\x00-\x1f\x7f-\xa0\xad]/.test(c) ? '\\x' + c.charCodeAt().toString(16).padStart(2, '0') : c))
    ).join('') +
    q
  )
}
export const short = v =>
  typeof v != 'number'
    ? String(v)
    : (Object.is(v, -0)
        ? '0'
        : !isFinite(v)
          ? String(v).replace('Infinity', 'inf')
          : v && (Math.abs(v) >= 1e5 || Math.abs(v) < 1e-3)
            ? v.toExponential(2)
            : String(+v.toPrecision(4))
      ).replace('-', '−')

// a mistake of the reader, told in the words of the library
export class Problem extends Error {}
export function fail(message) {
  throw new Problem(message)
}

export function shapes(s, name) {
  // '5 1 3' or '(5, 1, 3)' -> [5, 1, 3]
  return s
    .replace(/^\s*[([](.*)[)\]]\s*$/s, '$1')
    .split(/[\s,×]+/)
    .filter(Boolean)
    .map(o => {
      if (!/^\d{1,9}$/.test(o)) fail(`${name}: ${repr(o)} is no size, which is a whole number from 0 up`)
      return +o
    })
}

// the frame: fields, examples, a picture, one sentence that a screen reader says when it changes, and a link
let made = 0
export const start_state = (ex, given) =>
  Object.fromEntries(ex.fields.map(f => [f.key, String(given?.[f.key] ?? f.value)]))

export function live(el, ex, given, changed = () => {}) {
  const id = `x${++made}-${ex.name}`,
    state = start_state(ex, given),
    inputs = {},
    values = {}
  const out = tag('div', {class: 'x-out'}),
    said = tag('p', {class: 'x-said', role: 'status', id})
  function control(f) {
    const at = {id: `${id}-${f.key}`, 'aria-describedby': id}
    if (f.type == 'choice')
      return tag(
        'select',
        at,
        f.options.map(([v, s]) => tag('option', {value: v}, s))
      )
    if (f.type == 'range') return tag('input', {...at, type: 'range', min: f.min, max: f.max, step: f.step})
    return tag('input', {
      ...at,
      type: 'text',
      size: f.size ?? 12,
      autocomplete: 'off',
      autocapitalize: 'off',
      spellcheck: 'false'
    })
  }
  function field(f) {
    const e = (inputs[f.key] = control(f)),
      value = (values[f.key] = f.type == 'range' && tag('output', {for: e.id}))
    e.addEventListener('input', () => set({[f.key]: e.value}))
    const steps =
      f.buttons &&
      [-1, 1].map((d, k) =>
        tag(
          'button',
          {
            type: 'button',
            onclick: () => set({[f.key]: String(Math.min(+e.max, Math.max(+e.min, +e.value + d)))})
          },
          f.buttons[k]
        )
      )
    return tag(
      'div',
      {class: `x-field x-${f.type ?? 'text'}`},
      tag('label', {for: e.id}, f.label),
      steps?.[0],
      e,
      steps?.[1],
      value
    )
  }
  function show() {
    for (const f of ex.fields) {
      const e = inputs[f.key]
      if (f.limit) e.max = f.limit(state) ?? e.max
      if (f.type == 'choice' && !f.options.some(o => o[0] == state[f.key])) state[f.key] = String(f.value)
      if (f.type == 'range') {
        // whatever an address says, it is one of the slider's numbers
        const n = Math.round(parseFloat(state[f.key]))
        state[f.key] = String(Math.min(+e.max, Math.max(+e.min, isNaN(n) ? f.value : n)))
      }
      if (e.value != state[f.key]) e.value = state[f.key]
      if (values[f.key]) {
        values[f.key].value = f.say?.(state) ?? state[f.key]
        e.setAttribute('aria-valuetext', values[f.key].value)
      }
    }
    let message, wrong
    try {
      out.replaceChildren(...[ex.draw(state, set)].flat())
      message = out.firstChild.dataset?.say ?? ''
      wrong = out.firstChild.dataset?.wrong
    } catch (e) {
      if (!(e instanceof Problem)) throw e
      message = wrong = e.message
      out.replaceChildren()
    }
    said.classList.toggle('x-wrong', wrong != null)
    if (said.textContent != message) said.textContent = message
    for (const f of ex.fields)
      if (inputs[f.key].type == 'text') inputs[f.key].setAttribute('aria-invalid', wrong != null)
    reach(out)
  }
  function set(more) {
    Object.assign(state, more)
    show()
    changed({...state})
  }
  const tries = (ex.examples ?? []).map(([label, more]) =>
    tag('button', {type: 'button', onclick: () => set(more)}, label)
  )
  frame(
    el,
    ex,
    tag('div', {class: 'x-fields'}, ex.fields.map(field)),
    tries.length && tag('div', {class: 'x-tries', role: 'group', 'aria-label': 'Examples'}, tries),
    said,
    out
  )
  show()
  addEventListener('resize', () => reach(out))
  return more => {
    Object.assign(state, more)
    show()
  }
}
export function frame(el, ex, ...inside) {
  const box = tag(
    'div',
    {class: 'explore-live', role: 'group', 'aria-label': ex.title},
    tag('style', {}, CSS),
    tag('p', {class: 'x-title'}, ex.title),
    inside.filter(Boolean)
  )
  el.replaceChildren(box)
}
const reach = out =>
  out.querySelectorAll('.x-wide').forEach(e => {
    // what is scrolled is reached by keyboard
    const on = e.scrollWidth > e.clientWidth
    on ? e.setAttribute('tabindex', '0') : e.removeAttribute('tabindex')
    on &&
      !e.hasAttribute('role') &&
      (e.setAttribute('role', 'group'), e.setAttribute('aria-label', 'Scrolls sideways'))
  })
export const told = (say, wrong, ...inside) => [
  tag('div', {'data-say': say, ...(wrong && {'data-wrong': ''})}, inside)
]

// on a page: come alive when near, and keep the state in the address
export const address = (name, state) => `?${new URLSearchParams({explore: name, ...state})}#explore-${name}`
export function start(ex) {
  const asked = new URLSearchParams(location.search),
    mine = asked.get('explore') == ex.name
  for (const el of document.querySelectorAll(`.explore[data-explore="${ex.name}"]`)) {
    const given = {...JSON.parse(el.dataset.state ?? '{}'), ...(mine && Object.fromEntries(asked))}
    let late
    const link = tag('a', {class: 'x-link', href: address(ex.name, given)}, 'Link to this example')
    const changed = state => {
      link.href = address(ex.name, state)
      clearTimeout(late)
      late = setTimeout(() => history.replaceState(history.state, '', link.href), 250) // Safari allows few a second
    }
    const go = () => {
      ;(ex.mount ?? ((...o) => live(o[0], ex, ...o.slice(1))))(el, given, changed)
      if (ex.fields) {
        link.href = address(ex.name, start_state(ex, given))
        el.firstChild.append(link)
      }
      el.dataset.alive = ''
    }
    if (mine || 'now' in el.dataset || !window.IntersectionObserver) {
      go()
      continue
    }
    const near = new IntersectionObserver(es => es.some(e => e.isIntersecting) && (near.disconnect(), go()), {
      rootMargin: '800px'
    })
    near.observe(el)
    addEventListener('beforeprint', () => near.disconnect())
  }
}

// in a notebook: `render` runs for each view, and the views share one state
export function widget(ex, {model, el}) {
  el.classList.add('explore')
  if (ex.mount) return void ex.mount(el, {})
  let mine = false
  const update = live(el, ex, model.get('state'), state => {
    mine = true
    model.set('state', state)
    model.save_changes()
    mine = false
  })
  const other = () => mine || update(model.get('state'))
  model.on('change:state', other)
  return () => model.off('change:state', other)
}
