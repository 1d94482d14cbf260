// A signal through fifty layers and back, for the scale that the reader chooses. As lesson 04's `signal` with one draw.
import {tag, picture, text, short, told} from './core.js'

export function random(seed) {
  // uniform numbers below 1, the same for the same seed
  let a = seed >>> 0
  return () => {
    a = (a + 0x6d2b79f5) | 0
    let t = Math.imul(a ^ (a >>> 15), 1 | a)
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296
  }
}
export function normal(n, seed) {
  // n normal numbers of mean 0 and std 1
  const u = random(seed),
    out = new Float64Array(n)
  for (let k = 0; k < n; k += 2) {
    const r = Math.sqrt(-2 * Math.log(1 - u())),
      a = 2 * Math.PI * u()
    out[k] = r * Math.cos(a)
    if (k + 1 < n) out[k + 1] = r * Math.sin(a)
  }
  return out
}
export const acts = {
  // the function, and its slope where it gave y
  none: [v => v, () => 1],
  relu: [v => (v > 0 ? v : 0), y => (y > 0 ? 1 : 0)],
  tanh: [Math.tanh, y => 1 - y * y]
}
export const size = {rows: 32, width: 100, depth: 50}
const drawn = {}
export function draws(seed, {rows, width, depth} = size) {
  // input, weights of std 1, the gradient at the end
  const key = [seed, rows, width, depth].join()
  return (drawn[key] ??= {
    x: normal(rows * width, 3 * seed + 1),
    back: normal(rows * width, 3 * seed + 2),
    ws: normal(depth * width * width, 3 * seed + 3)
  })
}
function std(v) {
  let mean = 0,
    s = 0
  for (const o of v) mean += o
  mean /= v.length
  for (const o of v) s += (o - mean) ** 2
  return Math.sqrt(s / v.length)
}
export function signal(scale, act, seed, s = size) {
  // std behind each layer, and of the gradient in front of each
  const {rows, width, depth} = s,
    {x, back, ws} = draws(seed, s),
    [f, slope] = acts[act],
    hs = [],
    forward = [],
    backward = []
  let h = x
  for (let l = 0; l < depth; l++) {
    const next = new Float64Array(rows * width),
      w = l * width * width
    for (let i = 0; i < rows; i++)
      for (let k = 0; k < width; k++) {
        const v = h[i * width + k] * scale
        if (v) for (let j = 0; j < width; j++) next[i * width + j] += v * ws[w + k * width + j]
      }
    for (let o = 0; o < next.length; o++) next[o] = f(next[o])
    forward.push(std(next))
    hs.push((h = next))
  }
  let g = back
  for (let l = depth - 1; l >= 0; l--) {
    const y = hs[l],
      next = new Float64Array(rows * width),
      w = l * width * width,
      through = g.map((v, o) => v * slope(y[o]))
    for (let i = 0; i < rows; i++)
      for (let k = 0; k < width; k++) {
        let sum = 0
        for (let j = 0; j < width; j++) sum += through[i * width + j] * ws[w + k * width + j]
        next[i * width + k] = sum * scale
      }
    backward.unshift(std((g = next)))
  }
  return {forward, backward}
}

const MAX = 3.4028234663852886e38
export const scale_of = t => 10 ** (t / 100) // the slider counts hundredths of a power of ten
function chart(curves) {
  const W = innerWidth < 560 ? 320 : 560, // a phone shows it whole
    H = 300,
    L = 48,
    R = 72,
    T = 12,
    B = 38,
    n = size.depth
  const logs = curves.flatMap(c => c.ys.filter(y => y > 0)).map(Math.log10)
  let low = Math.floor(Math.min(-1, ...logs)),
    high = Math.ceil(Math.max(1, ...logs))
  const step = Math.max(1, Math.ceil((high - low) / 6)),
    X = l => L + ((W - L - R) * (l - 1)) / (n - 1),
    Y = d => T + ((H - T - B) * (high - d)) / (high - low),
    parts = []
  for (let d = Math.ceil(low / step) * step; d <= high; d += step)
    parts.push(
      tag('s:line', {x1: L, x2: W - R, y1: Y(d), y2: Y(d), class: d ? 'grid' : 'one'}),
      text(
        L - 8,
        Y(d),
        d ? ['10', tag('s:tspan', {dy: -5, 'font-size': 9}, String(d).replace('-', '−'))] : '1',
        {'text-anchor': 'end'}
      )
    )
  for (const l of [1, 10, 20, 30, 40, 50]) parts.push(text(X(l), H - B + 16, String(l)))
  parts.push(text(L + (W - L - R) / 2, H - 6, 'layer'), text(0, T, 'std', {'text-anchor': 'start'}))
  if (high > 38.5)
    parts.push(
      tag('s:line', {x1: L, x2: W - R, y1: Y(38.53), y2: Y(38.53), class: 'top'}),
      text(L + 6, Y(38.53) - 9, 'float32 ends here', {'text-anchor': 'start'})
    )
  const ends = curves.map(c => Y(Math.log10(c.ys.at(-1) || 10 ** low)))
  if (Math.abs(ends[0] - ends[1]) < 16) {
    const up = ends[0] <= ends[1],
      mid = (ends[0] + ends[1]) / 2
    ends[0] = mid + (up ? -8 : 8)
    ends[1] = mid + (up ? 8 : -8)
  }
  curves.forEach((c, k) =>
    parts.push(
      tag('s:polyline', {
        class: c.colour,
        points: c.ys
          .map((y, l) => (y > 0 ? `${X(l + 1).toFixed(1)},${Y(Math.log10(y)).toFixed(1)}` : ''))
          .join(' ')
      }),
      text(W - R + 8, ends[k], c.name, {'text-anchor': 'start', class: c.colour})
    )
  )
  return picture(
    W,
    H,
    curves
      .map(c => `${c.name}, from layer 1 to ${n}: std from ${short(c.ys[0])} to ${short(c.ys.at(-1))}`)
      .join('. '),
    parts
  )
}

export const explorer = {
  name: 'init',
  title: 'The scale of the weights: a signal through fifty layers of a hundred neurons',
  fields: [
    {
      key: 'scale',
      label: 'Std of the weights',
      type: 'range',
      min: -200,
      max: 0,
      step: 1,
      value: -100,
      say: s => short(scale_of(s.scale))
    },
    {
      key: 'act',
      label: 'Behind each layer',
      type: 'choice',
      value: 'none',
      options: [
        ['none', 'nothing'],
        ['relu', 'ReLU'],
        ['tanh', 'tanh']
      ]
    },
    {key: 'draw', label: 'Draw of the weights', type: 'range', min: 1, max: 20, step: 1, value: 1}
  ],
  examples: [
    ['std 1', {scale: '0'}],
    ['√(1/100), linear', {scale: '-100', act: 'none'}],
    ['√(1/100), ReLU', {scale: '-100', act: 'relu'}],
    ['√(2/100), ReLU', {scale: '-85', act: 'relu'}],
    ['std 0.01', {scale: '-200'}]
  ],
  draw({scale, act, draw}) {
    const s = scale_of(scale),
      {forward, backward} = signal(s, act, draw)
    const inf = forward.findIndex(v => v > MAX)
    const say =
      inf >= 0
        ? `In float32, the numbers end at layer ${inf + 1}: what follows is infinite.`
        : `With weights of std ${short(s)} the signal has std ${short(forward.at(-1))} behind layer 50, and the gradient std ${short(backward[0])} in front of layer 1.`
    return told(
      say,
      false,
      chart([
        {name: 'forwards', colour: 'blue', ys: forward},
        {name: 'backwards', colour: 'orange', ys: backward}
      ]),
      tag(
        'p',
        {class: 'x-note'},
        `Noise of std 1 goes in at layer 1, and gradients of std 1 come back from layer 50. ${size.rows} inputs; each draw has other weights.`
      )
    )
  }
}
