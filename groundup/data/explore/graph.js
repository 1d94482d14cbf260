// A computation that one steps through: values on the way out, gradients on the way back. As lesson 06's `Var`.
import {tag, row, table, picture, text, short, repr, fail, told} from './core.js'

// the grammar: + - * / ** and brackets; exp(), log(), relu(), before a bracket or behind a dot; names; numbers
export function tokens(s) {
  const out = [],
    re = /\s*(?:(\d+\.?\d*(?:[eE][+-]?\d+)?|\.\d+(?:[eE][+-]?\d+)?)|([A-Za-z_]\w*)|(\*\*|[-+*/()^.,]))/y
  while (re.lastIndex < s.length) {
    const from = re.lastIndex,
      m = re.exec(s)
    if (!m) {
      if (!s.slice(from).trim()) break
      fail(`${repr(s.slice(from).trim()[0])} is not known here`)
    }
    if (/^0\d+$/.test(m[1])) fail(`a whole number does not begin with 0: ${m[1]}`)
    out.push(
      m[1] != null
        ? {number: +m[1]}
        : m[2]
          ? {name: m[2]}
          : {sign: m[3] == '^' ? fail('a power is written **, as in Python') : m[3]}
    )
  }
  return out
}
const functions = ['exp', 'log', 'relu']
export function parse(s) {
  // a tree: {number}, {name}, {op, args}
  const ts = tokens(s)
  let k = 0
  const is = o => ts[k]?.sign === o,
    eat = o => is(o) && ++k,
    shown = () => (!ts[k] ? 'the end' : repr(String(ts[k].sign ?? ts[k].name ?? ts[k].number)))
  const need = o => eat(o) || fail(`${repr(o)} is expected, and there is ${shown()}`)
  const chain = (next, signs) => () => {
    let left = next()
    for (let op; (op = Object.keys(signs).find(eat));) left = {op: signs[op], args: [left, next()]}
    return left
  }
  const sum = chain(() => product(), {'+': 'add', '-': 'sub'}),
    product = chain(() => unary(), {'*': 'mul', '/': 'truediv'})
  const unary = () =>
    eat('-') ? {op: 'neg', args: [unary()]} : eat('+') ? {op: 'pos', args: [unary()]} : raised()
  function raised() {
    const left = after()
    return eat('**') ? {op: 'pow', args: [left, unary()]} : left
  }
  function after() {
    let left = atom()
    while (eat('.')) {
      const f = ts[k++]?.name
      if (!functions.includes(f)) fail(`behind a dot stands one of ${functions.join(', ')}`)
      need('(')
      need(')')
      left = {op: f, args: [left]}
    }
    return left
  }
  function atom() {
    const t = ts[k]
    if (eat('(')) {
      const inner = sum()
      need(')')
      return inner
    }
    if (t?.number != null) {
      k++
      return t
    }
    if (t?.name == null) fail(`a name, a number or a bracket is expected, and there is ${shown()}`)
    k++
    if (!is('(')) return t
    if (!functions.includes(t.name))
      fail(`${repr(t.name)} is no function here: there are ${functions.join(', ')}`)
    k++
    const inner = sum()
    need(')')
    return {op: t.name, args: [inner]}
  }
  if (!ts.length) fail('the expression is empty')
  if (ts.length > 500) fail('the expression is too long: its graph could not be read')
  const tree = sum()
  return k < ts.length ? fail(`the expression ends before ${shown()}`) : tree
}
export function values(s) {
  // 'a = 2, b = -3' -> {a: 2, b: -3}
  const out = Object.create(null) // any name may be a key
  for (const part of s.split(/[,;\n]/).filter(o => o.trim())) {
    const m = part.match(/^\s*([A-Za-z_]\w*)\s*=\s*([-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?)\s*$/)
    if (!m) fail(`${repr(part.trim())} is no value: write such as a = 2`)
    out[m[1]] = +m[2]
  }
  return out
}

const power = (a, n) => (n == 0.5 ? Math.sqrt(a) : n == -0.5 ? 1 / Math.sqrt(a) : a ** n) // as PyTorch: they differ at -inf

// each operation: its result, and a rule for each operand; `rules` writes it out
const ops = {
  add: (a, b) => [a + b, [g => g, g => g]],
  sub: (a, b) => [a - b, [g => g, g => -g]],
  mul: (a, b) => [a * b, [g => g * b, g => g * a]],
  truediv: (a, b) => {
    const out = a / b
    return [out, [g => g / b, g => (-g * out) / b]]
  },
  neg: a => [-a, [g => -g]],
  exp: a => {
    const out = Math.exp(a)
    return [out, [g => g * out]]
  },
  log: a => [Math.log(a), [g => g / a]],
  pow: (a, n) => [power(a, n), [g => (n ? g * (n * power(a, n - 1)) : 0)]],
  relu: a => {
    const out = a < 0 ? 0 : a
    return [out, [g => (out <= 0 ? 0 : g)]]
  }
}
export const signs = {add: '+', sub: '−', mul: '×', truediv: '÷', neg: '−', pow: '**'}
const rules = {
  add: ['g', 'g'],
  sub: ['g', '−g'],
  mul: ['g × {1}', 'g × {0}'],
  truediv: ['g ÷ {1}', '−g × {out} ÷ {1}'],
  neg: ['−g'],
  exp: ['g × {out}'],
  log: ['g ÷ {0}'],
  pow: ['g × {1} × {0}**({1}−1)'],
  relu: ['g where the output is above 0, else 0']
}

export function build(expression, given) {
  // the values, operands before results, the result last
  const leaves = Object.create(null),
    known = values(given)
  let n = 0,
    born = 0
  const is_var = o => typeof o == 'object'
  function value(t) {
    if (t.number != null) return t.number
    if (t.name) {
      if (!(t.name in known)) fail(`${t.name} has no value: write such as ${t.name} = 2`)
      return (leaves[t.name] ??= {name: t.name, value: known[t.name], links: [], args: [], born: born++})
    }
    const args = t.args.map(value),
      data = args.map(o => (is_var(o) ? o.value : o))
    if (t.op == 'pos')
      return is_var(args[0]) ? fail('leave the + in front away: Var does not know it') : args[0]
    if (t.op == 'pow' && is_var(args[1])) fail('the exponent is a number here, not a value of the graph')
    const any = args.some(is_var)
    if (!any && functions.includes(t.op)) fail(`${t.op} takes a value of the graph, not only numbers`)
    if ((!any && t.op == 'truediv' && !data[1]) || (!any && t.op == 'pow' && !data[0] && data[1] < 0))
      fail('a number is divided by 0')
    const [out, rs] = ops[t.op](...data)
    if (!any) return isFinite(out) ? out : fail('a number is too large, or not real')
    return {
      op: t.op,
      name: '',
      value: out,
      args,
      born: born++,
      links: args.flatMap((p, k) => (is_var(p) ? [{p, k, rule: rs[k]}] : []))
    }
  }
  const result = value(parse(expression))
  if (!is_var(result)) fail('there is no name in it: nothing was recorded')
  if (!result.op) fail('the result is a leaf: compute with it first')
  const order = graph_order(result)
  if (order.length > 40) fail(`the graph has ${order.length} values: more than 40 cannot be read`)
  for (const v of by_birth(order)) v.name ||= v == result ? 'result' : `v${++n}`
  return order
}
const by_birth = order => [...order].sort((p, q) => p.born - q.born) // as Python computes them: the left operand first
export function graph_order(result) {
  // as the way back goes through them, from its end
  const order = [],
    seen = new Set(),
    stack = [[result, false]]
  while (stack.length) {
    const [v, done] = stack.pop()
    if (done) order.push(v)
    else if (!seen.has(v)) {
      seen.add(v)
      stack.push([v, true], ...v.links.map(o => [o.p, false]))
    }
  }
  return order
}
const brackets = v => (v < 0 || Object.is(v, -0) ? `(${short(v)})` : short(v))
export function steps(order) {
  // [sentence, values that are known, gradients that are known, the value and the link in question]
  const known = new Set(order.filter(v => !v.op)),
    grads = new Map(),
    out = []
  const put = (say, at, link) => out.push({say, known: new Set(known), grads: new Map(grads), at, link})
  const show = (v, name) => {
    const a = v.args.map(o => (typeof o == 'object' ? name(o) : brackets(o))),
      s = signs[v.op]
    return !s
      ? `${v.op}(${a[0]})`
      : a.length == 1
        ? `${s}${a[0]}`
        : v.op == 'pow'
          ? `${a[0]}**${a[1]}`
          : `${a[0]} ${s} ${a[1]}`
  }
  put('The leaves have their values. Step on: each operation gives one.')
  for (const v of by_birth(order).filter(o => o.op)) {
    known.add(v)
    put(`${v.name} = ${show(v, o => o.name)} = ${show(v, o => brackets(o.value))} = ${short(v.value)}.`, v)
  }
  const result = order.at(-1)
  grads.set(result, 1)
  put('Now back. The gradient of the result itself is 1.', result)
  for (const v of [...order].reverse())
    for (const l of v.links) {
      const g = grads.get(v),
        d = l.rule(g),
        was = grads.get(l.p)
      grads.set(l.p, was == null ? d : was + d)
      const fill = f =>
        rules[v.op][l.k].replace(/\{(\w+)\}/g, (_, k) =>
          k == 'out' ? f(v) : typeof v.args[k] == 'object' ? f(v.args[k]) : brackets(v.args[k])
        )
      const rule = v.op == 'relu' ? rules.relu[0] : fill(o => o.name)
      put(
        `${v.name} has g = ${short(g)} and sends ${l.p.name}: ${rule} = ${short(d)}.${was == null ? '' : ` It is added to what was there: ${short(was)} + ${brackets(d)} = ${short(was + d)}.`}`,
        l.p,
        [v, l]
      )
    }
  return out
}

function layout(order) {
  // from left to right; a leaf stands before the first that uses it; a long line has a place in each column that it crosses
  const col = new Map(),
    columns = [],
    paths = [],
    left = new Map(),
    right = new Map(),
    y = new Map()
  const add = (map, k, v) => map.set(k, [...(map.get(k) ?? []), v])
  for (const v of order) col.set(v, v.op ? Math.max(...v.links.map(l => col.get(l.p))) + 1 : 0)
  for (const v of order)
    if (!v.op)
      col.set(v, Math.min(...order.filter(o => o.links.some(l => l.p == v)).map(o => col.get(o))) - 1)
  for (const v of by_birth(order)) (columns[col.get(v)] ??= []).push(v)
  for (const v of order)
    for (const l of v.links) {
      const path = [l.p]
      for (let c = col.get(l.p) + 1; c < col.get(v); c++) {
        const place = {line: true}
        col.set(place, c)
        columns[c].push(place)
        path.push(place)
      }
      paths.push({v, l, path: [...path, v]})
      path.forEach((o, k) => {
        const to = path[k + 1] ?? v
        add(right, o, to)
        add(left, to, o)
      })
    }
  const high = v => (v.line ? 0.45 : 1),
    mean = (ps, old) => (ps?.length ? ps.reduce((s, p) => s + y.get(p), 0) / ps.length : old)
  columns.forEach(c => c.forEach((v, k) => y.set(v, k - (c.length - 1) / 2)))
  for (let sweep = 0; sweep < 8; sweep++)
    for (const c of sweep % 2 ? columns : [...columns].reverse()) {
      const wish = new Map(c.map(v => [v, mean((sweep % 2 ? left : right).get(v), y.get(v))]))
      c.sort((p, q) => wish.get(p) - wish.get(q))
      c.forEach((v, k) =>
        y.set(v, Math.max(wish.get(v), k ? y.get(c[k - 1]) + (high(c[k - 1]) + high(v)) / 2 : -Infinity))
      )
      const shift = c.reduce((s, v) => s + y.get(v) - wish.get(v), 0) / c.length
      c.forEach(v => y.set(v, y.get(v) - shift))
    }
  return {col, y, paths}
}
function drawing(order, now) {
  const W = 92,
    H = 64,
    DX = 138,
    DY = 80,
    {col, y, paths} = layout(order),
    all = [...y.values()],
    top = Math.min(...all)
  const X = v => 6 + col.get(v) * DX,
    Y = v => 8 + (y.get(v) - top) * DY,
    lines = [],
    boxes = []
  for (const {v, l, path} of paths) {
    const on = now.link?.[0] == v && now.link[1] == l
    let d = `M${X(l.p) + W} ${Y(l.p) + H / 2}`,
      x = X(l.p) + W,
      h = Y(l.p) + H / 2
    path.slice(1).forEach(o => {
      const to = [
          X(o) - (o.line ? 0 : 2),
          o.line ? Y(o) + H / 2 : Y(v) + (H * (v.links.indexOf(l) + 1)) / (v.links.length + 1)
        ],
        m = (x + to[0]) / 2
      d += `C${m} ${h} ${m} ${to[1]} ${to}`
      ;[x, h] = to
      if (o.line) d += `H${(x += W)}`
    })
    lines.push(tag('s:path', {d, class: on ? 'edge on' : 'edge'}))
  }
  for (const v of order) {
    const has = now.known.has(v),
      g = now.grads.get(v),
      x = X(v) + W / 2
    const own = v.args.map(o => (typeof o == 'object' ? '' : ` ${short(o)}`)).join(''),
      head = v.op ? `${v.name} ${signs[v.op] ?? v.op}${own}` : v.name
    boxes.push(
      tag('s:rect', {
        x: X(v),
        y: Y(v),
        width: W,
        height: H,
        rx: 5,
        class: `box ${v.op ? '' : 'leaf'} ${now.at == v ? 'on' : ''}`
      }),
      text(x, Y(v) + 13, head, {'font-weight': 'bold'}),
      text(x, Y(v) + 33, has ? short(v.value) : '?', {class: 'blue'}),
      text(x, Y(v) + 51, g == null ? '' : `grad ${short(g)}`, {class: 'orange'})
    )
  }
  return picture(Math.max(...order.map(X)) + W + 8, (Math.max(...all) - top) * DY + H + 16, '', lines, boxes)
}

const last = s => {
  try {
    return steps(build(s.expression, s.given)).length - 1
  } catch {}
}
export const explorer = {
  name: 'graph',
  title: 'A computation, step by step: forwards, then backwards',
  fields: [
    {key: 'expression', label: 'Expression', value: '(a*b + c)**2', size: 26},
    {key: 'given', label: 'Values', value: 'a = 2, b = -3, c = 10', size: 26},
    {
      key: 'step',
      label: 'Step',
      type: 'range',
      min: 0,
      max: 1,
      step: 1,
      value: 0,
      limit: last,
      buttons: ['Back', 'Next'],
      say: s => `${s.step} of ${last(s) ?? '?'}`
    }
  ],
  examples: [
    ['a diamond', {expression: 'x*x + x', given: 'x = 3', step: '0'}],
    [
      'a neuron',
      {expression: 'relu(w1*x1 + w2*x2 + b)', given: 'w1 = 2, x1 = 1, w2 = -1, x2 = 3, b = 1.5', step: '0'}
    ],
    ['a silent neuron', {expression: 'relu(w*x + b)', given: 'w = 2, x = -1, b = 0.5', step: '0'}],
    ['a sigmoid', {expression: '1/(1 + exp(-x))', given: 'x = 0.5', step: '0'}]
  ],
  draw({expression, given, step}) {
    const order = build(expression, given),
      all = steps(order),
      now = all[step]
    const rows = by_birth(order).map(v => {
      const r = row(
        v.name,
        [
          v.op ? `${signs[v.op] ?? v.op} of ${v.args.map(o => o.name ?? short(o)).join(', ')}` : 'leaf',
          now.known.has(v) ? short(v.value) : '?',
          now.grads.has(v) ? short(now.grads.get(v)) : '–'
        ].map(o => tag('td', {}, o))
      )
      r.classList.toggle('on', now.at == v)
      return r
    })
    return told(
      now.say,
      false,
      drawing(order, now),
      tag(
        'details',
        {class: 'x-more'},
        tag('summary', {}, 'The same as a table'),
        table(['value', 'made by', 'number', 'gradient'], rows)
      )
    )
  }
}
