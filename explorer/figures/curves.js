// Curves that grow while one looks at them: rows over one axis of steps, drawn on a canvas.
// They are fetched from the server, again and again while a run goes. New data only draw again: the zoom and the cursor
// stay as the person set them.
// What arrives is written by pack in curves.py.

const LEFT = 56, TOP = 40, BOTTOM = 44, LINE = 13, SWATCH = 16, STEP_PX = 64
const FADED = 0.75 // of words that are not the point: 4.5:1 and more against both themes' backgrounds
const EVERY_MS = 1000, SELDOM_MS = 10000, PATIENCE_MS = 5000
const charts = new WeakMap()

export default function ({ data, parentElement, setTriggerValue }) {
  let chart = charts.get(parentElement)
  if (!chart) charts.set(parentElement, (chart = build(parentElement)))
  if (chart.asked?.address !== data.address) forget(chart) // other runs on the same canvas
  const mount = (chart.mount += 1)
  chart.asked = data
  chart.changed = (state) => setTriggerValue("changed", state)
  chart.canvas.style.minHeight = `${data.height}px`
  follow(chart)
  return () => {
    if (mount !== chart.mount) return // a later call has it now
    chart.turn += 1
    clearTimeout(chart.timer)
    document.removeEventListener("visibilitychange", chart.seen)
    chart.observer.disconnect()
    charts.delete(parentElement)
  }
}

function forget(chart) {
  Object.assign(chart, { figure: null, zoom: null, cursor: null, drag: null, told: null })
  tell(chart, "", false)
  chart.writes.hidden = true
  chart.canvas.width = chart.canvas.width // clears it
}

// Ask how the runs stand, and again: every second while one of them goes or while the page does not yet show what they
// are, and seldom after that, since a run may be resumed from elsewhere.
async function follow(chart) {
  clearTimeout(chart.timer)
  const turn = ++chart.turn, { address, state } = chart.asked
  let wait = EVERY_MS
  if (!document.hidden) {
    try {
      const response = await fetch(here(`${address}?state=${encodeURIComponent(state)}`), { cache: "no-store", signal: AbortSignal.timeout(PATIENCE_MS) })
      const bytes = new Uint8Array(await response.arrayBuffer())
      if (turn !== chart.turn) return
      if (!response.ok) tell(chart, new TextDecoder().decode(bytes), true)
      if (!response.ok || !take(chart, bytes)) wait = SELDOM_MS
    } catch {
      if (turn !== chart.turn) return
      tell(chart, `No answer from the server since ${chart.heard}; asking again. Nothing that was shown is lost.`, true)
    }
  }
  chart.timer = setTimeout(() => follow(chart), wait)
}

function take(chart, bytes) {
  const { about, alt } = (chart.figure = unpack(bytes))
  chart.heard = new Date().toLocaleTimeString()
  tell(chart, about.said, false)
  chart.canvas.setAttribute("aria-label", alt)
  chart.writes.hidden = !about.samples
  chart.writes.querySelector("pre").textContent = about.samples
  draw(chart)
  const known = about.state === chart.asked.state
  // The page's answer to it is a new `asked`. Told again after a while: what is told while the page is cut off is lost.
  if (!known && (chart.told !== about.state || Date.now() - chart.toldAt > SELDOM_MS)) {
    Object.assign(chart, { told: about.state, toldAt: Date.now() })
    chart.changed(about.state)
  }
  return about.active || !known
}

function tell(chart, text, lost) {
  chart.said.textContent = text
  chart.said.classList.toggle("lost", lost)
}

// Addresses are beside the page's own, wherever the app is served.
const here = (address) => new URL(address, location.href.replace(/[?#].*$/, "").replace(/\/+$/, ""))

// 4 bytes: the length of the JSON that follows, padded to a multiple of 4; then float32 columns, one after the other.
export function unpack(bytes) {
  const copy = bytes.slice()
  const length = new DataView(copy.buffer).getUint32(0, true)
  const figure = JSON.parse(new TextDecoder().decode(copy.subarray(4, 4 + length)))
  let at = 4 + length
  const columns = figure.lengths.map((count) => {
    const column = new Float32Array(copy.buffer, at, count)
    at += 4 * count
    return column
  })
  for (const curve of figure.curves) {
    curve.x = columns[curve.x]
    curve.y = columns[curve.y]
    curve.base = null
  }
  figure.rows.forEach((row, index) => row.stacked && stack(figure.curves.filter((curve) => curve.row === index)))
  return figure
}

function stack(curves) {
  let below = null
  for (const curve of curves) {
    curve.share = curve.y
    curve.base = below ?? new Float32Array(curve.y.length)
    curve.y = curve.y.map((value, i) => value + curve.base[i])
    below = curve.y
  }
}

function build(parent) {
  const canvas = parent.querySelector("canvas")
  const chart = { canvas, said: parent.querySelector(".said"), writes: parent.querySelector(".writes"), turn: 0, mount: 0 }
  Object.assign(chart, { asked: null, toldAt: 0, heard: new Date().toLocaleTimeString() })
  chart.observer = new ResizeObserver(() => draw(chart))
  chart.observer.observe(canvas.parentElement)
  chart.seen = () => document.hidden || follow(chart)
  document.addEventListener("visibilitychange", chart.seen)
  const step = (event) => {
    const x = Math.min(Math.max(event.offsetX, LEFT), chart.width - right(chart))
    return toStep(chart, x)
  }
  canvas.onpointerdown = (event) => {
    canvas.setPointerCapture(event.pointerId)
    chart.drag = step(event)
  }
  canvas.onpointermove = (event) => {
    chart.cursor = step(event)
    draw(chart)
  }
  canvas.onpointerup = (event) => {
    const [from, to] = [chart.drag, step(event)].sort((a, b) => a - b)
    if (chart.drag !== null && to - from > (4 * span(chart)) / plotWidth(chart)) chart.zoom = [from, to]
    chart.drag = null
    draw(chart)
  }
  canvas.onpointercancel = () => {
    chart.drag = chart.cursor = null
    draw(chart)
  }
  canvas.onpointerleave = canvas.onblur = () => {
    chart.cursor = null
    draw(chart)
  }
  canvas.ondblclick = () => {
    chart.zoom = null
    draw(chart)
  }
  canvas.onkeydown = (event) => {
    const moves = { ArrowLeft: -1, ArrowRight: 1 }
    if (event.key === "Escape") chart.zoom = chart.cursor = null
    else if (event.key in moves) move(chart, moves[event.key])
    else return
    event.preventDefault()
    draw(chart)
  }
  return chart
}

function move(chart, by) {
  const [from, to] = limits(chart)
  const stepped = (chart.cursor ?? (by > 0 ? from : to)) + (by * (to - from)) / 100
  chart.cursor = Math.min(Math.max(stepped, from), to)
}

const limits = (chart) => chart.zoom ?? [0, chart.figure.end]
const span = (chart) => limits(chart)[1] - limits(chart)[0]
// Room for the names on the right: on a phone less, so that there is a chart beside them.
const right = (chart) => Math.round(Math.min(178, Math.max(118, 0.34 * chart.width)))
const plotWidth = (chart) => chart.width - LEFT - right(chart)
const toStep = (chart, x) => limits(chart)[0] + ((x - LEFT) / plotWidth(chart)) * span(chart)
const toX = (chart, step) => LEFT + ((step - limits(chart)[0]) / span(chart)) * plotWidth(chart)

function draw(chart) {
  const { canvas, figure } = chart
  if (!figure) return
  const ratio = window.devicePixelRatio || 1
  chart.width = Math.max(canvas.parentElement.clientWidth, LEFT + 118 + 40)
  const height = TOP + figure.rows.length * (figure.rowPx + figure.gapPx) - figure.gapPx + BOTTOM
  canvas.width = chart.width * ratio
  canvas.height = height * ratio
  canvas.style.width = `${chart.width}px`
  canvas.style.height = `${height}px`
  const pen = canvas.getContext("2d")
  pen.scale(ratio, ratio)
  pen.textBaseline = "middle"
  const style = getComputedStyle(canvas)
  const theme = { text: style.color, grid: style.borderColor, font: style.fontFamily }
  figure.rows.forEach((row, index) => drawRow(chart, pen, theme, row, index))
  drawSteps(chart, pen, theme, height)
  // What a test or a reader of the page's elements can see.
  canvas.dataset.zoom = chart.zoom ? chart.zoom.map((s) => Math.round(s)).join() : ""
  canvas.dataset.end = figure.end
}

function drawRow(chart, pen, theme, row, index) {
  const { figure } = chart
  const top = TOP + index * (figure.rowPx + figure.gapPx), bottom = top + figure.rowPx
  const curves = figure.curves.filter((curve) => curve.row === index)
  const levels = figure.levels.filter((level) => level.row === index)
  const [low, high] = range(chart, row, curves, levels)
  const scale = row.log ? Math.log10 : (value) => value
  const toY = (value) => bottom - ((scale(value) - scale(low)) / (scale(high) - scale(low))) * figure.rowPx
  pen.globalAlpha = 1
  write(pen, theme, `600 13px ${theme.font}`, row.title, 0, top - 18, theme.text)
  for (const tick of row.log ? logTicks(low, high) : ticks(low, high, 4)) {
    line(pen, LEFT, toY(tick), chart.width - right(chart), toY(tick), theme.grid, 1, [])
    write(pen, theme, `11px ${theme.font}`, number(tick, row.percent), LEFT - 6, toY(tick), theme.text, "right", FADED)
  }
  pen.save()
  pen.beginPath()
  pen.rect(LEFT, top - 2, plotWidth(chart), figure.rowPx + 4)
  pen.clip()
  for (const level of levels) line(pen, LEFT, toY(level.value), chart.width, toY(level.value), level.colour, 1.5, [5, 4])
  for (const curve of curves) (curve.base ? band : path)(chart, pen, curve, toY, row.log)
  const alarms = figure.alarms.filter((alarm) => alarm.row === index)
  for (const alarm of alarms) line(pen, toX(chart, alarm.step), top, toX(chart, alarm.step), bottom, alarm.colour, 3, [])
  if (chart.drag !== null && chart.cursor !== null) shade(chart, pen, theme, top)
  if (chart.cursor !== null) line(pen, toX(chart, chart.cursor), top, toX(chart, chart.cursor), bottom, theme.text, 1, [])
  pen.restore()
  for (const alarm of alarms) nameAlarm(chart, pen, theme, alarm, top)
  drawNames(chart, pen, theme, row, curves, levels, toY, top, bottom)
}

function range(chart, row, curves, levels) {
  if (row.low !== null && row.high !== null) return [row.low, row.high]
  const [from, to] = limits(chart)
  let low = Infinity, high = -Infinity
  const take = (value) => {
    if (!Number.isFinite(value) || (row.log && value <= 0)) return
    low = Math.min(low, value)
    high = Math.max(high, value)
  }
  for (const curve of curves) curve.y.forEach((value, i) => curve.x[i] >= from && curve.x[i] <= to && take(value))
  for (const level of levels) take(level.value)
  if (low > high) [low, high] = [row.log ? 0.1 : 0, 1]
  if (low === high) [low, high] = row.log ? [low / 2, high * 2] : [low - 1, high + 1]
  const margin = row.log ? (high / low) ** 0.06 : (high - low) * 0.06
  return row.log ? [low / margin, high * margin] : [low - margin, high + margin]
}

function path(chart, pen, curve, toY, log) {
  pen.beginPath()
  let points = 0, x, y
  curve.y.forEach((value, i) => {
    if (!Number.isFinite(value) || (log && value <= 0)) return
    ;[x, y] = [toX(chart, curve.x[i]), toY(value)]
    pen[points++ ? "lineTo" : "moveTo"](x, y)
  })
  if (points === 1) pen.arc(x, y, curve.width / 2 + 1, 0, 2 * Math.PI) // a line of one point would not be seen
  stroke(pen, curve.colour, curve.width, curve.dash, curve.opacity)
}

function band(chart, pen, curve, toY) {
  pen.beginPath()
  curve.y.forEach((value, i) => pen.lineTo(toX(chart, curve.x[i]), toY(value)))
  for (let i = curve.base.length - 1; i >= 0; i--) pen.lineTo(toX(chart, curve.x[i]), toY(curve.base[i]))
  pen.globalAlpha = curve.opacity
  pen.fillStyle = curve.colour
  pen.fill()
  pen.globalAlpha = 1
}

// Beside its mark, on the side where there is more room; never cut, nor over the names of the curves.
function nameAlarm(chart, pen, theme, alarm, top) {
  const x = toX(chart, alarm.step), end = LEFT + plotWidth(chart)
  if (x < LEFT || x > end) return // outside of what is looked at
  pen.font = `600 12px ${theme.font}`
  const width = pen.measureText(alarm.name).width, beside = x > (LEFT + end) / 2 ? x - 6 - width : x + 6
  write(pen, theme, pen.font, alarm.name, Math.max(0, Math.min(beside, end - width)), top + 8, theme.text)
}

function shade(chart, pen, theme, top) {
  const [from, to] = [toX(chart, chart.drag), toX(chart, chart.cursor)].sort((a, b) => a - b)
  pen.globalAlpha = 0.12
  pen.fillStyle = theme.text
  pen.fillRect(from, top, to - from, chart.figure.rowPx)
  pen.globalAlpha = 1
}

// The name of each curve where it ends, with its value there or at the cursor; as many as fit, the thickest bands first.
function drawNames(chart, pen, theme, row, curves, levels, toY, top, bottom) {
  const at = chart.cursor ?? limits(chart)[1]
  const names = []
  const add = (y, curve, value, look) => names.push({ y, text: [curve.name, number(value, row.percent)], colour: curve.colour, ...look })
  for (const level of levels) add(toY(level.value), level, level.value, { dash: [5, 4], width: 1.5, size: Infinity })
  for (const curve of curves) {
    const i = before(curve, at)
    if (i < 0 || (row.log && curve.y[i] <= 0)) continue
    const value = curve.base ? curve.share[i] : curve.y[i]
    const look = { dash: curve.dash, width: curve.base ? 9 : curve.width, size: curve.base ? value : Infinity }
    add(toY(curve.base ? curve.y[i] - value / 2 : value), curve, value, look)
  }
  const room = Math.floor((bottom - top) / LINE) + 1
  const shown = names.sort((a, b) => b.size - a.size).slice(0, room).sort((a, b) => a.y - b.y)
  shown.forEach((name, i) => (name.y = Math.max(name.y, i ? shown[i - 1].y + LINE : top)))
  shown.reverse().forEach((name, i) => (name.y = Math.min(name.y, i ? shown[i - 1].y - LINE : bottom)))
  const x = chart.width - right(chart) + 6
  for (const name of shown) {
    line(pen, x, name.y, x + SWATCH, name.y, name.colour, name.width, name.dash)
    write(pen, theme, `11px ${theme.font}`, fit(pen, theme, name.text, right(chart) - SWATCH - 12), x + SWATCH + 6, name.y, theme.text, "left")
  }
}

// A name and its value; of a long name as much as there is room for.
export function fit(pen, theme, [name, value], room) {
  pen.font = `11px ${theme.font}`
  let text = `${name} ${value}`
  for (let kept = name; kept.length > 2 && pen.measureText(text).width > room; text = `${kept}… ${value}`) kept = kept.slice(0, -1)
  return text
}

// The last point at or before a step whose value can be shown; -1 where there is none.
function before(curve, step) {
  let low = 0, high = curve.x.length
  while (low < high) {
    const middle = (low + high) >> 1
    if (curve.x[middle] <= step) low = middle + 1
    else high = middle
  }
  for (low -= 1; low >= 0 && !Number.isFinite(curve.y[low]); ) low -= 1
  return low
}

function drawSteps(chart, pen, theme, height) {
  const y = height - BOTTOM + 14, [from, to] = limits(chart), font = `11px ${theme.font}`
  const marks = ticks(from, to, Math.max(1, Math.min(8, plotWidth(chart) / STEP_PX))).filter(Number.isInteger)
  for (const tick of marks) write(pen, theme, font, tick.toLocaleString("en"), toX(chart, tick), y, theme.text, "center", FADED)
  const hint = chart.zoom ? "double-click: the whole run" : "drag across: look closer"
  write(pen, theme, font, "step", LEFT, y + 18, theme.text, "left", FADED)
  write(pen, theme, font, hint, chart.width - 8, y + 18, theme.text, "right", FADED)
  if (chart.cursor === null) return
  const text = `step ${Math.round(chart.cursor).toLocaleString("en")}`
  write(pen, theme, `600 ${font}`, text, toX(chart, chart.cursor), TOP - 34, theme.text, "center")
}

export function ticks(low, high, about) {
  const rough = (high - low) / about, power = 10 ** Math.floor(Math.log10(rough))
  const gap = power * [1, 2, 5, 10].find((m) => m * power >= rough)
  const first = Math.ceil(low / gap - 1e-9), last = Math.floor(high / gap + 1e-9)
  return Array.from({ length: last - first + 1 }, (_, i) => Number(((first + i) * gap).toPrecision(12)))
}

export function logTicks(low, high) {
  const decades = Math.log10(high / low), mantissas = decades < 0.7 ? [1, 1.2, 1.5, 2, 3, 5, 7] : decades < 2.5 ? [1, 2, 5] : [1]
  const every = Math.max(1, Math.ceil(decades / 6)), found = []
  for (let power = Math.floor(Math.log10(low)); power <= Math.log10(high); power++)
    if (power % every === 0) found.push(...mantissas.map((m) => Number((m * 10 ** power).toPrecision(12))))
  const inside = found.filter((tick) => tick >= low && tick <= high)
  return inside.length > 1 ? inside : ticks(low, high, 3).filter((tick) => tick > 0)
}

export function number(value, percent) {
  if (percent) return `${Number((100 * value).toPrecision(3))} %`
  if (!Number.isFinite(value)) return Number.isNaN(value) ? "–" : value > 0 ? "∞" : "-∞"
  const size = Math.abs(value)
  if (size !== 0 && (size < 1e-3 || size >= 1e5)) return value.toExponential(1)
  return Number(value.toPrecision(3)).toLocaleString("en", { maximumSignificantDigits: 3 })
}

function line(pen, x0, y0, x1, y1, colour, width, dash) {
  pen.beginPath()
  pen.moveTo(x0, y0)
  pen.lineTo(x1, y1)
  stroke(pen, colour, width, dash, 1)
}

function stroke(pen, colour, width, dash, opacity) {
  pen.globalAlpha = opacity
  pen.strokeStyle = colour
  pen.lineWidth = width
  pen.lineJoin = "round"
  pen.setLineDash(dash)
  pen.stroke()
  pen.setLineDash([])
  pen.globalAlpha = 1
}

function write(pen, theme, font, text, x, y, colour, align = "left", opacity = 1) {
  pen.font = font
  pen.textAlign = align
  pen.fillStyle = colour
  pen.globalAlpha = opacity
  pen.fillText(text, x, y)
  pen.globalAlpha = 1
}
