// An equation of einsum with sizes: its axes, its loops, its cost, the shape of the result. As lesson 03's `einsum`.
import {tag, row, table, tuple, repr, fail, shapes, told} from './core.js'

function labels(term) {
  const found = term.match(/\.\.\.|[^ ]/gu) ?? []
  for (const l of found)
    if (!/^([a-zA-Z]|\.\.\.)$/.test(l))
      fail(`${repr(l)} in ${repr(term)} is no letter from a to z or A to Z, and no ellipsis ...`)
  const n = found.filter(l => l == '...').length
  return n > 1 ? fail(`${repr(term)} has ${n} ellipses: one is allowed`) : found
}
export function read_equation(eq) {
  const [left, ...right] = eq.split('->')
  if (right.length > 1) fail(`${repr(eq)} has ${right.length} arrows, not one`)
  const ins = left.split(',').map(labels),
    n = new Map()
  for (const l of ins.flat()) n.set(l, (n.get(l) ?? 0) + 1)
  const out = right.length
    ? labels(right[0])
    : [...(n.has('...') ? ['...'] : []), ...[...n.keys()].filter(l => n.get(l) == 1 && l != '...').sort()]
  for (const l of out) {
    const where = `on the right of ${repr(eq)}`,
      times = out.filter(o => o == l).length
    if (!n.has(l) && l != '...') fail(`letter ${l} is ${where}, but not on the left`)
    if (times > 1) fail(`letter ${l} stands ${times} times ${where}`)
  }
  return [ins, out]
}
function name_axes(term, shape, k) {
  // the axes of an ellipsis are numbers, counted from the right
  const n = shape.length - term.filter(l => l != '...').length
  if (n < 0 || (n && !term.includes('...')))
    fail(
      `operand ${k} has shape ${tuple(shape)}, ${shape.length} ${shape.length == 1 ? 'axis' : 'axes'}, ` +
        `but ${repr(term.join(''))} names ${shape.length - n}${n > 0 ? '; an ellipsis stands for the rest' : ''}`
    )
  return term.flatMap(l => (l == '...' ? Array.from({length: n}, (_, i) => i - n) : [l]))
}
export const word = l => (typeof l == 'string' ? `letter ${l}` : `axis ${l} of the ellipsis`)

function label_sizes(axes, shape) {
  const sizes = new Map(),
    first = new Map()
  axes.forEach((ls, k) => {
    const own = new Map(ls.map((l, d) => [l, shape[k][d]])),
      s = `in operand ${k}`
    ls.forEach((l, d) => {
      const n = shape[k][d],
        m = sizes.get(l) ?? 1
      if (n != own.get(l)) fail(`${word(l)} has sizes ${n} and ${own.get(l)} ${s}`)
      if (m == 1) {
        sizes.set(l, own.get(l))
        first.set(l, k)
      } else if (n != 1 && n != m)
        fail(`${word(l)} has size ${m} in operand ${first.get(l)}, but size ${n} ${s}`)
    })
  })
  return sizes
}
export function fit(eq, given) {
  // labels of each operand's axes, of the result's, size of each, shape, cost
  const [ins, right] = read_equation(eq)
  if (ins.length != given.length)
    fail(`number of operands: ${repr(eq)} needs ${ins.length}, but ${given.length} came`)
  const axes = ins.map((t, k) => name_axes(t, given[k], k)),
    sizes = label_sizes(axes, given)
  const rest = [...sizes.keys()].filter(l => typeof l == 'number').sort((p, q) => p - q)
  const out = right.flatMap(l => (l == '...' ? rest : [l])),
    summed = [...sizes.keys()].filter(l => !out.includes(l))
  const times = ls => ls.reduce((a, l) => a * BigInt(sizes.get(l)), 1n),
    all = times([...sizes.keys()])
  return {
    axes,
    out,
    summed,
    sizes,
    shape: out.map(l => sizes.get(l)),
    multiplications: BigInt(ins.length - 1) * all,
    written: ins.length > 2 ? all : times(out)
  }
}
export const all_shapes = s => {
  // '2 3, 3 4' or '(2,3), (3,4)'
  const inside = s.match(/\([^()]*\)/g)
  return (inside ?? s.split(/[,;]/)).map((o, k) => shapes(o, `operand ${k}`))
}
export function loops({axes, out, summed, sizes, shape}, given) {
  const own = l => (typeof l == 'string' ? l : `e${-l}`),
    lines = [`r = torch.zeros(${tuple(shape)})`]
  const at = ls => (ls.length ? `[${ls.join(',')}]` : '')
  ;[...out, ...summed].forEach((l, d) =>
    lines.push(
      `${'    '.repeat(d)}for ${own(l)} in range(${sizes.get(l)}):${summed.includes(l) ? ' # summed' : ''}`
    )
  )
  const factors = axes.map(
    (ls, k) =>
      'abcdefghijklmnopqrstuvwxyz'[k].toUpperCase() +
      at(ls.map((l, d) => (given[k][d] == 1 && sizes.get(l) != 1 ? 0 : own(l))))
  )
  return [...lines, `${'    '.repeat(sizes.size)}r${at(out.map(own))} += ${factors.join('*')}`].join('\n')
}

export const explorer = {
  name: 'einsum',
  title: 'An equation of einsum, and the sizes of its operands',
  fields: [
    {key: 'eq', label: 'Equation', value: 'ik,kj->ij', size: 16},
    {key: 'sizes', label: 'Shapes, with a comma between', value: '2 3, 3 4', size: 16}
  ],
  examples: [
    ['matrix product', {eq: 'ik,kj->ij', sizes: '2 3, 3 4'}],
    ['a batch of them', {eq: 'bik,bkj->bij', sizes: '5 2 3, 5 3 4'}],
    ['three in a row', {eq: 'ik,kl,lj->ij', sizes: '100 784, 784 50, 50 10'}],
    ['diagonal', {eq: 'ii->i', sizes: '3 3'}],
    ['ellipsis', {eq: '...i,...i->...', sizes: '2 5 3, 5 3'}],
    ['sizes differ', {eq: 'ik,kj->ij', sizes: '2 3, 4 5'}]
  ],
  draw({eq, sizes}) {
    const given = all_shapes(sizes),
      r = fit(eq, given),
      order = [...r.out, ...r.summed]
    const head = l => (typeof l == 'string' ? l : `… ${l}`.replace('-', '−')),
      count = n => String(n).replace(/\B(?=(\d{3})+$)/g, ',')
    const operand = (ls, k) =>
      row(
        `operand ${'ABCDEFGHIJKLMNOPQRSTUVWXYZ'[k] ?? k}`,
        order.map(l => {
          const own = ls.flatMap((o, d) => (o == l ? [given[k][d]] : []))
          const s = own.length
            ? own[0] == 1 && r.sizes.get(l) != 1
              ? `1 → ${r.sizes.get(l)}`
              : own.join(', ')
            : ''
          return tag('td', {class: s ? 'x-has' : 'pale'}, s || '–')
        })
      )
    const result = row(
      'result',
      order.map(l =>
        r.out.includes(l)
          ? tag('td', {class: 'x-has'}, String(r.sizes.get(l)))
          : tag('td', {class: 'x-stretch'}, 'summed')
      )
    )
    return told(
      `The result has the shape ${tuple(r.shape)}. Taken all at once: ${count(r.multiplications)} multiplications.`,
      false,
      order.length > 0 && table(['letter', ...order.map(head)], r.axes.map(operand), result),
      r.axes.length <= 26 && tag('div', {class: 'x-wide'}, tag('pre', {}, loops(r, given))),
      tag(
        'p',
        {class: 'x-note'},
        `The largest tensor that is written has ${count(r.written)} ${r.written == 1n ? 'number' : 'numbers'}.`
      )
    )
  }
}
