// Two shapes: how they are lined up, what is stretched, with which strides, or why not. As lesson 02's `bshape`.
import {tag, row, table, picture, text, tuple, product, fail, shapes, told} from './core.js'

const lined_up = (a, b, gap) =>
  Array.from({length: Math.max(a.length, b.length)}, (_, k) => [
    a[a.length - 1 - k] ?? gap,
    b[b.length - 1 - k] ?? gap
  ])

export function bshape(a, b) {
  return lined_up(a, b, 1)
    .map(([m, n]) =>
      m != n && m != 1 && n != 1
        ? fail(`${tuple(a)} and ${tuple(b)} do not broadcast: ${m} against ${n}`)
        : n == 1
          ? m
          : n
    )
    .reverse()
}
export function strides(shape) {
  // of a tensor that lies in order, as PyTorch counts them
  const out = []
  let s = 1
  for (const n of [...shape].reverse()) {
    out.unshift(s)
    s *= Math.max(n, 1)
  }
  return out
}
export function stretched(shape, to) {
  // a stretched axis has the stride 0, and so has one that was added
  const gaps = to.length - shape.length,
    own = strides(shape)
  return to.map((n, k) => (k < gaps || shape[k - gaps] != n ? 0 : own[k - gaps]))
}
export function columns(a, b) {
  // of each axis, from the first: what each shape has there, and the result
  return lined_up(a, b, 'gap')
    .map(([m, n]) => {
      const one = [m, n].filter(o => o != 'gap'),
        [x, y] = [one[0], one[1] ?? one[0]]
      return x != y && x != 1 && y != 1 ? [m, n, 'clash'] : [m, n, x == 1 ? y : x]
    })
    .reverse()
}

function block(name, shape, to, colour) {
  // stored entries solid, repeated ones pale
  const box = [...Array(Math.max(0, 2 - to.length)).fill(1), ...to],
    own = [...Array(box.length - shape.length).fill(1), ...shape]
  const [h, w] = box.slice(-2),
    lead = box.slice(0, -2),
    n = product(lead),
    step = strides(own),
    S = 26,
    cells = []
  for (let k = 0; k < n; k++)
    for (let i = 0; i < h; i++)
      for (let j = 0; j < w; j++) {
        let rest = k
        const at = [
          ...lead.map((m, d) => {
            const c = product(lead.slice(d + 1)),
              v = Math.floor(rest / c)
            rest %= c
            return v
          }),
          i,
          j
        ]
        const place = at.map((v, d) => (own[d] == 1 ? 0 : v)),
          solid = place.every((v, d) => v == at[d])
        const x = j * S,
          y = 24 + k * (h * S + 10) + i * S
        cells.push(
          tag('s:rect', {
            x: x + 1,
            y: y + 1,
            width: S - 2,
            height: S - 2,
            rx: 3,
            class: `${colour} ${solid ? '' : 'pale'}`
          }),
          text(x + S / 2, y + S / 2, String(place.reduce((s, v, d) => s + v * step[d], 0)), {
            class: solid ? 'on' : ''
          })
        )
      }
  const label = `${name} ${tuple(shape)}${shape.join() == to.join() ? '' : ` → ${tuple(to)}`}`
  return picture(
    Math.max(w * S, label.length * 7.4),
    26 + n * (h * S + 10),
    '',
    text(0, 10, label, {'text-anchor': 'start'}),
    cells
  )
}

export const explorer = {
  name: 'broadcast',
  title: 'Two shapes: how do they broadcast?',
  fields: [
    {key: 'a', label: 'Shape of a', value: '2 1 3'},
    {key: 'b', label: 'Shape of b', value: '4 1'}
  ],
  examples: [
    ['a row', {a: '2 3', b: '3'}],
    ['a column', {a: '2 3', b: '2 1'}],
    ['both are stretched', {a: '2 1 3', b: '4 1'}],
    ['they clash', {a: '3 2', b: '3'}],
    ['no numbers', {a: '0 3', b: '1 3'}]
  ],
  draw({a, b}) {
    a = shapes(a, 'a')
    b = shapes(b, 'b')
    const cs = columns(a, b),
      n = cs.length
    let to, why
    try {
      to = bshape(a, b)
    } catch (e) {
      why = e.message
    }
    const cell = (o, r) =>
      o == 'gap'
        ? tag('td', {class: 'pale'}, 'gap', r != 'clash' && ` → ${r}`)
        : o == r || r == 'clash'
          ? tag('td', {class: r == 'clash' && 'x-clash'}, String(o))
          : tag('td', {class: 'x-stretch'}, `${o} → ${r}`)
    const steps = to
      ? [a, b].map((s, k) =>
          row(
            `strides of ${'ab'[k]}`,
            stretched(s, to).map(v => tag('td', {}, String(v)))
          )
        )
      : []
    const axes = table(
      ['shape', ...cs.map((_, k) => `axis −${n - k}`)],
      [a, b].map((s, k) =>
        row(
          `${'ab'[k]} ${tuple(s)}`,
          cs.map(c => cell(c[k], c[2]))
        )
      ),
      row(
        'result',
        cs.map(c => tag('td', {class: c[2] == 'clash' && 'x-clash'}, String(c[2])))
      ),
      steps
    )
    if (!to) return told(why, true, axes)
    const [h, w] = [to.at(-2) ?? 1, to.at(-1) ?? 1],
      small = product(to) > 0 && product(to) <= 120 && w <= 12
    const blocks = small
      ? tag('div', {class: 'x-side'}, block('a', a, to, 'blue'), block('b', b, to, 'orange'))
      : tag(
          'p',
          {class: 'x-note'},
          product(to) ? 'The picture is drawn for up to 120 numbers.' : 'The result holds no number.'
        )
    return told(
      `The result has the shape ${tuple(to)}.`,
      false,
      axes,
      blocks,
      small &&
        tag(
          'p',
          {class: 'x-note'},
          'Each box shows the place in memory that is read. Stored numbers are solid, repeated ones pale; along a stretched axis the stride is 0.'
        )
    )
  }
}
