// A window over a picture: which pixels make which output, and which outputs a pixel goes into. As lesson 10's `conv2d`.
import {tag, picture, text, tuple, repr, fail, told} from './core.js'

export function number(s) {
  // '3' -> 3; '3 2' -> [3, 2]; what is no whole number stays a text
  const words = s
    .replace(/^\s*[([](.*)[)\]]\s*$/s, '$1')
    .split(/[\s,×]+/)
    .filter(Boolean)
  if (!words.every(o => /^-?\d{1,6}$/.test(o))) return s.trim()
  return words.length == 1 ? +words[0] : words.map(Number)
}
const shown = v => (Array.isArray(v) ? tuple(v) : typeof v == 'string' ? repr(v) : String(v))
export function pair(name, v, least) {
  const p = Array.isArray(v) ? v : [v, v]
  return p.length == 2 && p.every(n => Number.isInteger(n) && n >= least)
    ? p
    : fail(`${name} is ${shown(v)}: expected a whole number from ${least} up, or two of them`)
}
export function geometry({image, kernel, stride, padding, dilation}) {
  // what the layer does with these settings, or why it cannot
  const size = pair('image', number(image), 1),
    k = pair('kernel_size', number(kernel), 1)
  const s = pair('stride', number(stride), 1),
    d = pair('dilation', number(dilation), 1),
    same = /^\s*'?same'?\s*$/.test(padding)
  if (same && (s[0] != 1 || s[1] != 1)) fail(`padding 'same' goes with stride 1, stride is ${tuple(s)}`)
  const pads = same
    ? k.map((n, x) => [Math.floor((d[x] * (n - 1)) / 2), d[x] * (n - 1) - Math.floor((d[x] * (n - 1)) / 2)])
    : pair('padding', number(padding), 0).map(n => [n, n])
  const padded = size.map((n, x) => n + pads[x][0] + pads[x][1]),
    span = k.map((n, x) => d[x] * (n - 1) + 1)
  if (span[0] > padded[0] || span[1] > padded[1])
    fail(`a window spans ${span[0]} by ${span[1]}, the padded image has ${padded[0]} by ${padded[1]}`)
  return {
    size,
    kernel: k,
    stride: s,
    dilation: d,
    pads,
    padded,
    span,
    out: padded.map((n, x) => Math.floor((n - span[x]) / s[x]) + 1)
  }
}
export function pixels(g, p, q) {
  // of the window of output p,q: [row, column], outside of the image where it is padding
  const out = []
  for (let i = 0; i < g.kernel[0]; i++)
    for (let j = 0; j < g.kernel[1]; j++)
      out.push([
        p * g.stride[0] + i * g.dilation[0] - g.pads[0][0],
        q * g.stride[1] + j * g.dilation[1] - g.pads[1][0]
      ])
  return out
}
export function outputs(g, r, c) {
  // into which pixel r,c goes
  const out = []
  for (let p = 0; p < g.out[0]; p++)
    for (let q = 0; q < g.out[1]; q++) if (pixels(g, p, q).some(o => o[0] == r && o[1] == c)) out.push([p, q])
  return out
}
export const inside = (g, [r, c]) => r >= 0 && c >= 0 && r < g.size[0] && c < g.size[1]

function grid(name, shape, from, look, choose) {
  const S = Math.max(14, Math.min(26, Math.floor(300 / Math.max(...shape)))),
    cells = []
  for (let r = 0; r < shape[0]; r++)
    for (let c = 0; c < shape[1]; c++) {
      const at = [r - from[0], c - from[1]]
      cells.push(
        tag('s:rect', {
          x: c * S + 1,
          y: 24 + r * S + 1,
          width: S - 2,
          height: S - 2,
          rx: 2,
          class: look(at),
          onclick: () => choose(at)
        })
      )
    }
  return picture(
    Math.max(shape[1] * S, name.length * 7.2),
    26 + shape[0] * S,
    '',
    text(0, 10, name, {'text-anchor': 'start'}),
    cells
  )
}
const far = x => s => {
  try {
    const g = geometry(s)
    return (s.look == 'pixel' ? g.size : g.out)[x] - 1
  } catch {}
}
const list = (n, one) => `${n} ${n == 1 ? one : one + 's'}`

export const explorer = {
  name: 'conv',
  title: 'A window over a picture: which pixels make which output?',
  fields: [
    {key: 'image', label: 'Image', value: '5 6', size: 6},
    {key: 'kernel', label: 'Kernel', value: '3 2', size: 6},
    {key: 'stride', label: 'Stride', value: '1', size: 6},
    {key: 'padding', label: 'Padding', value: '0', size: 6},
    {key: 'dilation', label: 'Dilation', value: '1', size: 6},
    {
      key: 'look',
      label: 'Look at',
      type: 'choice',
      value: 'output',
      options: [
        ['output', 'an output: its pixels'],
        ['pixel', 'a pixel: its outputs']
      ]
    },
    {key: 'row', label: 'Row', type: 'range', min: 0, max: 99, step: 1, value: 1, limit: far(0)},
    {key: 'column', label: 'Column', type: 'range', min: 0, max: 99, step: 1, value: 3, limit: far(1)}
  ],
  examples: [
    ['small window', {image: '5 6', kernel: '3 2', stride: '1', padding: '0', dilation: '1'}],
    ['stride 2', {image: '7', kernel: '3', stride: '2', padding: '1', dilation: '1'}],
    ['as large as before', {image: '6', kernel: '3', stride: '1', padding: 'same', dilation: '1'}],
    ['dilation 2', {image: '8', kernel: '3', stride: '1', padding: '0', dilation: '2'}],
    ['too large', {image: '3', kernel: '5', stride: '1', padding: '0', dilation: '1'}]
  ],
  draw(state, set) {
    const g = geometry(state),
      back = state.look == 'pixel'
    if (Math.max(...g.padded) > 24)
      return told(`The output is ${g.out.join(' by ')}. Pictures are drawn up to 24 pixels.`, false)
    const at = [+state.row, +state.column],
      key = String
    const marked = new Set((back ? outputs : pixels)(g, ...at).map(key)),
      choose = look => o => set({look, row: key(o[0]), column: key(o[1])})
    const image = grid(
      `image ${tuple(g.size)}${g.padded.join() == g.size.join() ? '' : ', padded'}`,
      g.padded,
      g.pads.map(o => o[0]),
      o =>
        `${inside(g, o) ? 'pixel' : 'pad'} ${back ? (key(o) == key(at) ? 'on' : '') : marked.has(key(o)) ? 'on' : ''}`,
      o => inside(g, o) && choose('pixel')(o)
    )
    const result = grid(
      `output ${tuple(g.out)}`,
      g.out,
      [0, 0],
      o => `value ${back ? (marked.has(key(o)) ? 'on' : '') : key(o) == key(at) ? 'on' : ''}`,
      choose('output')
    )
    const n = [...marked].length,
      real = back ? n : pixels(g, ...at).filter(o => inside(g, o)).length
    const say = back
      ? `Pixel ${at.join(',')} goes into ${list(n, 'output')}${n ? ': ' + [...marked].join('; ') : ''}.`
      : `Output ${at.join(',')} is made of ${list(real, 'pixel')}${real < n ? ` and ${n - real} of the padding` : ''}.`
    const formula = [0, 1].map(x => `⌊(${g.padded[x]} − ${g.span[x]}) ÷ ${g.stride[x]}⌋ + 1 = ${g.out[x]}`)
    return told(
      `The output is ${g.out.join(' by ')}. ${say}`,
      false,
      tag('div', {class: 'x-side'}, image, result),
      tag(
        'p',
        {class: 'x-note'},
        `Padded size minus what a window spans, divided by the stride: ${formula[0] == formula[1] ? `${formula[0]} each way` : `${formula[0]} rows, ${formula[1]} columns`}. A click on a pixel or an output looks at that one.`
      )
    )
  }
}
