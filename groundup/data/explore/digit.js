// The reader draws a digit, and ten neurons or a trained net answer. NET holds the net: see `packed` in explore.py.
import {tag, frame} from './core.js'

const bytes = s => Uint8Array.from(atob(s), c => c.charCodeAt())
export function unpack({layers, mean, std, samples}) {
  // the layers with their weights as numbers, and some real digits
  const all = bytes(samples ?? '')
  return {
    mean,
    std,
    samples: Array.from({length: all.length / 784}, (_, k) => all.slice(784 * k, 784 * k + 784)),
    layers: layers.map(l => {
      if (!l.weights) return l
      const whole = new Int8Array(bytes(l.weights).buffer),
        n = whole.length / l.shape[0]
      return {...l, w: Float64Array.from(whole, (v, k) => v * l.steps[Math.floor(k / n)])}
    })
  }
}
const kinds = {
  // each takes numbers (c,h,w) and their sizes, and gives such
  linear: (x, _, {shape: [m, n], w, bias}) => [
    Float64Array.from({length: m}, (_, j) => {
      let s = bias[j]
      for (let k = 0; k < n; k++) s += w[j * n + k] * x[k]
      return s
    }),
    [m, 1, 1]
  ],
  relu: (x, size) => [x.map(v => (v > 0 ? v : 0)), size],
  conv: (x, [c, h, w], l) => {
    const [f, , a, b] = l.shape,
      p = l.padding,
      H = h + 2 * p - a + 1,
      W = w + 2 * p - b + 1,
      out = new Float64Array(f * H * W)
    for (let o = 0; o < f; o++)
      for (let r = 0; r < H; r++)
        for (let q = 0; q < W; q++) {
          let s = l.bias[o]
          for (let d = 0; d < c; d++)
            for (let i = Math.max(0, p - r); i < a && r + i - p < h; i++)
              for (let j = Math.max(0, p - q); j < b && q + j - p < w; j++)
                s += l.w[((o * c + d) * a + i) * b + j] * x[(d * h + r + i - p) * w + q + j - p]
          out[(o * H + r) * W + q] = s
        }
    return [out, [f, H, W]]
  },
  pool: (x, [c, h, w], {size: n}) => {
    const H = Math.floor(h / n),
      W = Math.floor(w / n),
      out = new Float64Array(c * H * W).fill(-Infinity)
    for (let d = 0; d < c; d++)
      for (let r = 0; r < H * n; r++)
        for (let q = 0; q < W * n; q++) {
          const o = (d * H + Math.floor(r / n)) * W + Math.floor(q / n)
          out[o] = Math.max(out[o], x[(d * h + r) * w + q])
        }
    return [out, [c, H, W]]
  },
  flatten: (x, size) => [x, size],
  unflatten: (x, size) => [x, size]
}
export function answer(net, x) {
  // 784 numbers from 0 to 1 -> ten scores
  let v = Float64Array.from(x, p => (p - net.mean) / net.std),
    size = [1, 28, 28]
  for (const l of net.layers) [v, size] = kinds[l.kind](v, size, l)
  return Array.from(v)
}
export function shares(scores) {
  // softmax
  const top = Math.max(...scores),
    e = scores.map(v => Math.exp(v - top)),
    sum = e.reduce((a, b) => a + b)
  return e.map(v => v / sum)
}

// Ink (0 to 255) on a page of any size, as MNIST prepares it: its box becomes 20 pixels high or wide, by the mean of each area,
// and its centre of mass goes to the middle of 28 by 28. No ink: null.
export function normalise(ink, width, height) {
  let [left, right, top, bottom] = [width, -1, height, -1]
  for (let y = 0; y < height; y++)
    for (let x = 0; x < width; x++)
      if (ink[y * width + x]) {
        left = Math.min(left, x)
        right = Math.max(right, x)
        top = Math.min(top, y)
        bottom = Math.max(bottom, y)
      }
  if (right < 0) return null
  const w = right - left + 1,
    h = bottom - top + 1,
    step = Math.max(w, h) / 20,
    small = new Float64Array(400)
  const cover = (n, o) =>
    Array.from({length: n}, (_, x) => {
      // how much of pixel x lies in which of twenty cells
      const a = Math.floor(x / step + 1e-9),
        b = Math.min(19, Math.floor((x + 1) / step - 1e-9))
      return Array.from({length: b - a + 1}, (_, k) => [
        a + k,
        Math.min((a + k + 1) * step, x + 1) - Math.max((a + k) * step, x)
      ])
    })
  const cols = cover(w),
    rows = cover(h)
  for (let y = 0; y < h; y++)
    for (let x = 0; x < w; x++) {
      const v = ink[(top + y) * width + left + x]
      if (v) for (const [i, p] of rows[y]) for (const [j, q] of cols[x]) small[i * 20 + j] += v * p * q
    }
  let sum = 0,
    cy = 0,
    cx = 0
  small.forEach((v, k) => {
    sum += v
    cy += v * Math.floor(k / 20)
    cx += v * (k % 20)
  })
  const dy = Math.ceil(13.5 - cy / sum),
    dx = Math.ceil(13.5 - cx / sum),
    out = new Float64Array(784)
  small.forEach((v, k) => {
    const y = Math.floor(k / 20) + dy,
      x = (k % 20) + dx
    if (y >= 0 && y < 28 && x >= 0 && x < 28) out[y * 28 + x] = v / (step * step) / 255
  })
  return out
}

const SIZE = 280,
  PEN = 26,
  STEP = 14,
  [BLUE, ORANGE, INK] = [
    [0, 114, 178],
    [213, 94, 0],
    [17, 17, 17]
  ],
  HERE = globalThis.document?.currentScript?.src
export const explorer = {
  name: 'digit',
  title: 'Draw a digit, and ten neurons answer',
  mount(el, given) {
    // a page has its trained nets in files of their own
    const name = /^\w+$/.test(given?.net ?? '') && given.net,
      there = () => globalThis.groundup?.nets?.[name]
    if (!HERE || !name) return begin(el, NET, '')
    const ready = () => begin(el, {...there().net, samples: NET.samples}, there().about)
    there()
      ? ready()
      : document.head.append(tag('script', {src: new URL(`net-${name}.js`, HERE), onload: ready}))
  }
}
let begun = 0
function begin(el, packed, about) {
  const net = unpack(packed),
    deep = net.layers.length > 1,
    keys = `x-keys-${++begun}`,
    canvas = tag('canvas', {width: SIZE, height: SIZE, 'aria-hidden': 'true'})
  const ctx = canvas.getContext('2d', {willReadFrequently: true}),
    said = tag('p', {class: 'x-said', role: 'status'}),
    pen = tag('div', {class: 'x-pen'})
  const pad = tag(
    'div',
    {
      class: 'x-pad',
      role: 'application',
      tabindex: '0',
      'aria-label': 'Page to draw on',
      'aria-describedby': keys
    },
    canvas,
    pen
  )
  const top = deep || Math.max(...net.layers[0].w.map(Math.abs))
  function weights(w) {
    // blue speaks for the digit, orange against it
    const small = tag('canvas', {width: 28, height: 28, 'aria-hidden': 'true'}),
      c = small.getContext('2d'),
      image = c.createImageData(28, 28)
    w.forEach((v, k) => {
      image.data.set(v > 0 ? BLUE : ORANGE, 4 * k)
      image.data[4 * k + 3] = (255 * Math.min(top, 1.3 * Math.abs(v))) / top
    })
    c.putImageData(image, 0, 0)
    return small
  }
  const rows = Array.from({length: 10}, (_, j) => {
    const bar = tag('span', {class: 'x-bar'}),
      value = tag('span', {class: 'x-value'})
    return {
      bar,
      value,
      li: tag(
        'li',
        {},
        tag('b', {}, String(j)),
        !deep && weights(net.layers[0].w.subarray(784 * j, 784 * j + 784)),
        tag('span', {class: 'x-room', 'aria-hidden': 'true'}, bar),
        value
      )
    }
  })
  let shown = 0,
    sample = true,
    at = null,
    down = false,
    spot = [SIZE / 2, SIZE / 2],
    timer
  function think() {
    const rgba = ctx.getImageData(0, 0, SIZE, SIZE).data,
      ink = new Uint8Array(SIZE * SIZE)
    for (let k = 0; k < ink.length; k++) ink[k] = rgba[4 * k + 3]
    const x = normalise(ink, SIZE, SIZE),
      scores = x && answer(net, x),
      ys = scores && (deep ? shares(scores) : scores)
    const low = ys && Math.min(...ys),
      high = ys && Math.max(...ys),
      order = ys && ys.map((_, j) => j).sort((p, q) => ys[q] - ys[p])
    rows.forEach(({bar, value, li}, j) => {
      bar.style.height = ys
        ? deep
          ? `${100 * ys[j]}%`
          : `${(100 * (ys[j] - low + 2)) / (high - low + 2)}%`
        : '0'
      value.textContent = ys
        ? deep
          ? `${Math.round(100 * ys[j])}%`
          : ys[j].toFixed(0).replace('-', '−')
        : ''
      li.classList.toggle('on', !!ys && j == order[0])
    })
    el.dataset.answers = scores ? JSON.stringify(scores) : ''
    const s = ys
      ? `The ${deep ? 'net reads' : 'ten neurons read'} ${order[0]}; next comes ${order[1]}.`
      : 'The page is empty. Draw a digit.'
    if (said.textContent != s) said.textContent = s
  }
  const soon = () => {
    timer ??= requestAnimationFrame(() => {
      timer = null
      think()
    })
  }
  function clear() {
    ctx.clearRect(0, 0, SIZE, SIZE)
    sample = false
    soon()
  }
  function line(p, q) {
    Object.assign(ctx, {lineWidth: PEN, lineCap: 'round', lineJoin: 'round', strokeStyle: '#111'})
    ctx.beginPath()
    ctx.moveTo(...p)
    ctx.lineTo(q[0], q[1] + (p.join() == q.join() ? 0.01 : 0))
    ctx.stroke()
    soon()
  }
  function paint(digit) {
    // 28 by 28 bytes, each a square
    const small = tag('canvas', {width: 28, height: 28}),
      c = small.getContext('2d'),
      image = c.createImageData(28, 28)
    digit.forEach((v, k) => {
      image.data.set(INK, 4 * k)
      image.data[4 * k + 3] = v
    })
    c.putImageData(image, 0, 0)
    ctx.clearRect(0, 0, SIZE, SIZE)
    ctx.imageSmoothingEnabled = false
    ctx.drawImage(small, 0, 0, SIZE, SIZE)
    soon()
  }
  const place = e => {
    const r = canvas.getBoundingClientRect()
    return [((e.clientX - r.left) * canvas.width) / r.width, ((e.clientY - r.top) * canvas.height) / r.height]
  }
  const fresh = () => {
    if (sample) clear()
  }
  pad.addEventListener('pointerdown', e => {
    if (e.button || !e.isPrimary) return
    e.preventDefault()
    pad.setPointerCapture(e.pointerId)
    pad.focus({preventScroll: true})
    fresh()
    line((at = place(e)), at)
  })
  pad.addEventListener('pointermove', e => {
    if (!at || !e.isPrimary) return
    for (const o of e.getCoalescedEvents?.().length ? e.getCoalescedEvents() : [e]) {
      const to = place(o)
      line(at, to)
      at = to
    }
  })
  for (const end of ['pointerup', 'pointercancel', 'lostpointercapture'])
    pad.addEventListener(end, () => {
      at = null
    })
  const show_pen = () => {
    pen.style.left = `${(100 * spot[0]) / SIZE}%`
    pen.style.top = `${(100 * spot[1]) / SIZE}%`
    pen.classList.toggle('down', down)
  }
  pad.addEventListener('keydown', e => {
    const move = {ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1]}[e.key]
    if (
      (!move && ![' ', 'Enter', 'Delete', 'Backspace', 'Escape'].includes(e.key)) ||
      e.ctrlKey ||
      e.metaKey ||
      e.altKey
    )
      return
    if (e.key == 'Escape') {
      if (!down) return
      down = false
    }
    e.preventDefault()
    if (e.key == ' ' || e.key == 'Enter') {
      down = !down
      fresh()
      if (down) line(spot, spot)
      said.textContent = down ? 'The pen is down.' : 'The pen is up.'
    }
    if (e.key == 'Delete' || e.key == 'Backspace') {
      down = false
      clear()
    }
    if (move) {
      const to = spot.map((v, k) => Math.min(SIZE - STEP, Math.max(STEP, v + STEP * move[k])))
      if (down) line(spot, to)
      spot = to
    }
    show_pen()
  })
  pad.addEventListener('paint', soon) // somebody else has painted
  pad.addEventListener('blur', () => {
    down = false
    show_pen()
  })
  const another = () => {
    shown = (shown + 1) % net.samples.length
    sample = true
    paint(net.samples[shown])
  }
  frame(
    el,
    {title: deep ? 'Draw a digit, and the trained net answers' : explorer.title},
    tag(
      'div',
      {class: 'x-digit'},
      tag(
        'div',
        {},
        pad,
        tag(
          'div',
          {class: 'x-tries'},
          tag('button', {type: 'button', onclick: clear}, 'Clear'),
          net.samples.length > 1 && tag('button', {type: 'button', onclick: another}, 'A real one')
        )
      ),
      tag(
        'ol',
        {
          class: `x-ten ${deep ? 'deep' : ''}`,
          'aria-label': deep ? 'How sure the net is of each digit' : 'What each neuron says'
        },
        rows.map(r => r.li)
      )
    ),
    said,
    tag(
      'p',
      {class: 'x-note', id: keys},
      `${about} By keyboard: arrows move the pen, Space puts it down or lifts it, Delete clears.`.trim()
    )
  )
  show_pen()
  net.samples.length ? paint(net.samples[0]) : clear()
}
