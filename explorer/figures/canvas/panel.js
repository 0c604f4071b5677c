// Rows over one axis of steps, drawn on canvases: what a panel describes (panel.py), packed by figures/canvas.
// New data only draw again: the zoom, the cursor and what was chosen stay as the person set them.

const PAD = 7, RIGHT = 10, NAMES = [118, 178], FOOT = 34, FADED = 0.75 // of words: 4.5:1 and more on both themes
const LINE_PX = 13, SWATCH = 16, LEAST_LETTER = 6.5, LEAST_WIDE = 9, MOST_LETTER = 15
// Characters that are as wide as they are high: Chinese, Japanese, Korean, full-width signs, pictures.
const WIDE = /[\u1100-\u115f\u2e80-\ua4cf\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff00-\uff60\uffe0-\uffe6]|\p{Emoji_Presentation}/u

// The places of a view inside its element; `view.figure` is null until something is shown.
export function build(root) {
  const view = { root, figure: null, rows: [], zoom: null, cursor: null, drag: null }
  view.textAt = append(root, "div", "text")
  view.rowsAt = append(root, "div", "rows")
  view.cursorAt = append(root, "div", "cursor")
  view.shadeAt = append(root, "div", "shade")
  view.toldAt = append(root, "div", "told")
  view.heardAt = append(root, "div", "unseen")
  view.heardAt.setAttribute("aria-live", "polite")
  view.observer = new ResizeObserver(() => later(view))
  view.observer.observe(root)
  point(view)
  return view
}

function append(parent, tag, name) {
  const made = document.createElement(tag)
  made.className = name
  parent.append(made)
  return made
}

export function show(view, figure) {
  view.figure = figure
  if (view.zoom && view.zoom[1] > figure.x.high) view.zoom = null
  figure.rows.forEach((row, index) => row.stacked && stack(row.items))
  while (view.rows.length > figure.rows.length) view.rows.pop().at.remove()
  while (view.rows.length < figure.rows.length) view.rows.push(place(view))
  view.rows.forEach((placed, index) => fill(view, placed, figure.rows[index], index))
  view.root.setAttribute("aria-label", figure.alt)
  draw(view)
}

function place(view) {
  const at = append(view.rowsAt, "div", "row")
  const title = append(at, "div", "title"), plot = append(at, "div", "plot"), now = append(plot, "div", "now")
  const canvas = append(plot, "canvas", ""), light = append(plot, "div", "light")
  return { at, title, plot, now, light, canvas, titled: null }
}

function fill(view, placed, row, index) {
  placed.row = row
  placed.index = index
  placed.at.classList.toggle("pinned", Boolean(row.pinned))
  if (placed.titled !== row.title) placed.title.replaceChildren(marked((placed.titled = row.title)))
  const last = index === view.figure.rows.length - 1
  placed.height = row.heightPx + 2 * PAD + (last ? FOOT : 0)
  placed.top = PAD
  placed.range = range(view, row)
  for (const item of row.items) if (item.kind === "heatmap" || item.kind === "units") item.image = null
}

function stack(items) {
  let below = null
  for (const item of items) {
    if (item.kind !== "line") continue
    item.share = item.y
    item.base = below ?? new Float32Array(item.y.length)
    item.y = item.y.map((value, i) => value + item.base[i])
    below = item.y
  }
}

export const limits = (view) => view.zoom ?? [view.figure.x.low, view.figure.x.high]
export const left = (view) => view.figure.leftPx
export const right = (view) => (view.figure.named ? Math.round(Math.min(NAMES[1], Math.max(NAMES[0], 0.34 * view.width))) : RIGHT)
export const plotWidth = (view) => Math.max(20, view.width - left(view) - right(view))
export const toStep = (view, x) => limits(view)[0] + ((x - left(view)) / plotWidth(view)) * (limits(view)[1] - limits(view)[0])
export const toX = (view, step) => left(view) + ((step - limits(view)[0]) / (limits(view)[1] - limits(view)[0])) * plotWidth(view)

export function toY(placed, value) {
  const [low, high] = placed.range, scale = placed.row.y.log ? Math.log10 : (v) => v
  return placed.top + (1 - (scale(value) - scale(low)) / (scale(high) - scale(low))) * placed.row.heightPx
}

export function toValue(placed, y) {
  const [low, high] = placed.range, part = 1 - (y - placed.top) / placed.row.heightPx
  return placed.row.y.log ? low * (high / low) ** part : low + part * (high - low)
}

// Ends of a row's axis, the lower end of the drawing first.
function range(view, row) {
  const { low, high, log, reverse, fromZero } = row.y
  if (low !== null && high !== null) return [low, high]
  const grid = row.items.find((item) => item.kind === "heatmap" || item.kind === "units")
  if (grid) return reverse ? [grid.lines - 0.5, -0.5] : [-0.5, grid.lines - 0.5]
  let [least, most] = extremes(view, row)
  if (fromZero) least = Math.min(0, least)
  if (least === most) [least, most] = log ? [least / 2, most * 2] : [least - 1, most + 1]
  const margin = log ? (most / least) ** 0.06 : (most - least) * 0.06
  return log ? [least / margin, most * margin] : [fromZero && least === 0 ? 0 : least - margin, most + margin]
}

function extremes(view, row) {
  const [from, to] = limits(view)
  let low = Infinity, high = -Infinity
  const take = (value) => {
    if (!Number.isFinite(value) || (row.y.log && value <= 0)) return
    low = Math.min(low, value)
    high = Math.max(high, value)
  }
  for (const item of row.items) {
    if (item.kind === "level") take(item.value)
    const [x, y] = { line: [item.x, item.y], bars: [item.at, item.values], marks: [item.x, item.y] }[item.kind] ?? [[], []]
    x.forEach((step, i) => step >= from && step <= to && take(y[i]))
  }
  return low > high ? [row.y.log ? 0.1 : 0, 1] : [low, high]
}

// Draw at the next frame, once.
export function later(view) {
  view.frame ||= requestAnimationFrame(() => draw(view))
}

export function draw(view) {
  cancelAnimationFrame(view.frame)
  view.frame = 0
  if (!view.figure) return
  view.width = Math.max(view.root.clientWidth, left(view) + 80)
  const style = getComputedStyle(view.root)
  view.theme = { text: style.color, grid: style.getPropertyValue("--st-border-color") || "#8884", font: style.fontFamily }
  for (const placed of view.rows) {
    placed.range = range(view, placed.row)
    drawRow(view, placed, sized(view, placed))
  }
  writeText(view)
  Object.assign(view.root.dataset, { zoom: view.zoom ? view.zoom.map((s) => Math.round(s)).join() : "", end: view.figure.x.high })
  lights(view)
}

function sized(view, { canvas, height }) {
  const ratio = window.devicePixelRatio || 1, wide = Math.round(view.width * ratio), high = Math.round(height * ratio)
  if (canvas.width !== wide || canvas.height !== high) {
    Object.assign(canvas, { width: wide, height: high })
    Object.assign(canvas.style, { width: `${view.width}px`, height: `${height}px` })
  }
  const pen = canvas.getContext("2d")
  pen.setTransform(ratio, 0, 0, ratio, 0, 0)
  pen.clearRect(0, 0, view.width, height)
  return pen
}

export function drawRow(view, placed, pen) {
  const { row, top } = placed, { theme } = view
  if (!row.y.hidden) drawAxis(view, placed, pen)
  pen.save()
  pen.beginPath()
  pen.rect(left(view), top - 2, plotWidth(view), row.heightPx + 4)
  pen.clip()
  row.items.forEach((item, i) => DRAWN[item.kind]?.(view, placed, pen, item, row.items[i - 1]))
  if (view.figure.chosen !== null) {
    const x = toX(view, view.figure.chosen)
    line(pen, x, top, x, top + row.heightPx, "#c97a12", 1.5, [2, 3])
  }
  pen.restore()
  for (const item of row.items) if (item.kind === "alarm") nameAlarm(view, placed, pen, item)
  if (view.figure.named) drawNames(view, placed, pen)
  if (placed.index === view.figure.rows.length - 1) drawSteps(view, pen, top + row.heightPx + PAD, theme)
}

function drawAxis(view, placed, pen) {
  const { row, range: [low, high], top } = placed, { theme } = view, axis = row.y
  const font = `11px ${theme.font}`, from = Math.min(low, high), to = Math.max(low, high)
  if (!axis.bare)
    for (const [value, words] of marks(axis, from, to)) {
      if (value < from || value > to) continue
      const y = toY(placed, value)
      if (axis.grid) line(pen, left(view), y, view.width - right(view), y, theme.grid, axis.zero && value === 0 ? 2 : 1, [])
      write(pen, font, words, left(view) - 6, y, theme.text, "right", FADED)
    }
  if (!axis.label) return
  pen.save()
  pen.translate(9, top + row.heightPx / 2)
  pen.rotate(-Math.PI / 2)
  write(pen, font, axis.label, 0, 0, theme.text, "center", FADED)
  pen.restore()
}

function marks(axis, low, high) {
  if (Array.isArray(axis.ticks)) return axis.ticks
  const found = axis.log ? logTicks(low, high) : ticks(low, high, Math.max(1, (axis.ticks ?? 5) - 1))
  return found.map((value) => [value, number(value, axis.percent)])
}

const DRAWN = {
  line(view, placed, pen, item, before) {
    if (item.base) return band(view, placed, pen, item.x, item.y, item.base, item.colour, item.opacity)
    if (item.filled) band(view, placed, pen, item.x, item.y, before.y, item.colour, item.filled)
    let points = 0, x, y
    pen.beginPath()
    item.y.forEach((value, i) => {
      if (Number.isNaN(value) || Number.isNaN(item.x[i])) return (points = 0)
      if (!Number.isFinite(value) || (placed.row.y.log && value <= 0)) return
      ;[x, y] = [toX(view, item.x[i]), toY(placed, value)]
      pen[points++ ? "lineTo" : "moveTo"](x, y)
    })
    if (item.y.length === 1 && points === 1) return dots(view, placed, pen, item, item.width + 3) // a line would not be seen
    stroke(pen, item.colour, item.width, item.dash, item.opacity)
    if (item.dots && plotWidth(view) / item.y.length > item.dots) dots(view, placed, pen, item)
  },
  level(view, placed, pen, item) {
    line(pen, left(view), toY(placed, item.value), view.width, toY(placed, item.value), item.colour, item.width, item.dash)
  },
  bars(view, placed, pen, item) {
    const wide = Math.max(0.75, (item.width ?? 0.8) * stepRoom(view))
    pen.fillStyle = item.colour
    item.values.forEach((value, i) => {
      if (!Number.isFinite(value)) return
      const y = toY(placed, value), zero = toY(placed, 0)
      pen.fillRect(toX(view, item.at[i]) - wide / 2, Math.min(y, zero), wide, Math.abs(zero - y))
    })
  },
  heatmap: drawCells,
  units: drawCells,
  spans(view, placed, pen, item) {
    pen.fillStyle = "#858a9438"
    for (const [first, last] of item.ends) {
      const x = toX(view, first - 0.5)
      pen.fillRect(x, placed.top, toX(view, last + 0.5) - x, placed.row.heightPx)
    }
  },
  marks(view, placed, pen, item) {
    item.x.forEach((step, i) => {
      const size = item.size / 2, y = toY(placed, item.y[i])
      // Over a word there is no room: the mark stands at the left edge of its cell.
      const x = view.figure.x.blanks.length ? Math.min(toX(view, step), toX(view, step - 0.5) + size + 2) : toX(view, step)
      pen.beginPath()
      if (item.symbol === "triangle-up") {
        pen.moveTo(x - size, y + size)
        pen.lineTo(x, y - size)
        pen.lineTo(x + size, y + size)
      } else pen.arc(x, y, size, 0, 2 * Math.PI)
      pen.fillStyle = item.colour
      if (item.symbol.endsWith("open")) stroke(pen, item.colour, item.outline, [], 1)
      else pen.fill()
    })
  },
  alarm(view, placed, pen, item) {
    const x = toX(view, item.step)
    line(pen, x, placed.top, x, placed.top + placed.row.heightPx, item.colour, 3, [])
  },
  colourbar(view, placed, pen, item) {
    const high = placed.row.heightPx / 2, wide = 10, x = item.left ? left(view) + 14 : left(view) + plotWidth(view) - 52
    const y = item.left ? placed.top + placed.row.heightPx - high - 10 : placed.top + 10
    const ramp = pen.createLinearGradient(0, y + high, 0, y)
    item.colours.forEach(([at, colour]) => ramp.addColorStop(at, colour))
    pen.fillStyle = ramp
    pen.fillRect(x, y, wide, high)
    for (const [value, words] of item.ticks) {
      const at = y + high * (1 - (value - item.low) / (item.high - item.low))
      write(pen, `11px ${view.theme.font}`, words, x + wide + 5, at, view.theme.text)
    }
  },
}

function dots(view, placed, pen, item, size = item.dots) {
  pen.fillStyle = item.colour
  item.y.forEach((value, i) => {
    if (!Number.isFinite(value) || (placed.row.y.log && value <= 0)) return
    pen.beginPath()
    pen.arc(toX(view, item.x[i]), toY(placed, value), size / 2, 0, 2 * Math.PI)
    pen.fill()
  })
}

function band(view, placed, pen, x, upper, lower, colour, opacity) {
  pen.beginPath()
  upper.forEach((value, i) => Number.isFinite(value) && pen.lineTo(toX(view, x[i]), toY(placed, value)))
  for (let i = lower.length - 1; i >= 0; i--) if (Number.isFinite(lower[i])) pen.lineTo(toX(view, x[i]), toY(placed, lower[i]))
  pen.globalAlpha = opacity
  pen.fillStyle = colour
  pen.fill()
  pen.globalAlpha = 1
}

// A cell for each value, in its own colours and none for NaN; drawn as a picture that is stretched over the row.
function drawCells(view, placed, pen, item) {
  const steps = item.lines && item.values.length / item.lines
  if (!steps) return
  item.image ??= picture(item, steps, view.figure.scale)
  const [from, to] = limits(view), sources = [Math.max(0, from + 0.5), Math.min(steps, to + 0.5)]
  if (sources[1] <= sources[0]) return
  const x = toX(view, sources[0] - 0.5), wide = toX(view, sources[1] - 0.5) - x
  pen.save()
  pen.imageSmoothingEnabled = false
  const upright = placed.range[0] > placed.range[1] // the first line on top
  const y = placed.top, high = placed.row.heightPx
  if (!upright && item.lines > 1) {
    pen.translate(0, 2 * y + high)
    pen.scale(1, -1)
  }
  pen.drawImage(item.image, sources[0], 0, sources[1] - sources[0], item.lines, x, y, wide, high)
  pen.restore()
  if (item.lettered) drawLetters(view, placed, pen, item)
}

function picture(item, steps, shared) {
  const scale = item.scale ?? shared, colours = table(scale.colours)
  const image = new OffscreenCanvas(Math.max(1, steps), Math.max(1, item.lines)), pen = image.getContext("2d")
  const cells = new ImageData(image.width, image.height), part = item.unit ?? 1
  item.values.forEach((value, i) => {
    if (Number.isNaN(value)) return
    const at = 4 * shade(scale, value * part)
    for (let c = 0; c < 3; c++) cells.data[4 * i + c] = colours[at + c]
    cells.data[4 * i + 3] = 255
  })
  pen.putImageData(cells, 0, 0)
  return image
}

// The characters of the steps in their cells, where they fit.
function drawLetters(view, placed, pen, item) {
  const each = stepRoom(view), colours = table((item.scale ?? view.figure.scale).colours)
  if (each < leastRoom(view)) return
  const [from, to] = limits(view), size = Math.min(MOST_LETTER, (each / longest(view)) * 1.55)
  for (let step = Math.max(0, Math.ceil(from - 0.5)); step <= Math.min(item.values.length - 1, to + 0.5); step++) {
    const known = !Number.isNaN(item.values[step])
    const ink = known ? cellColours(item, view.figure.scale, colours, step)[1] : view.theme.text
    const word = plain(view.figure.x.words[step] ?? ""), sized = WIDE.test(word) ? Math.min(size, each) : size
    const font = `${sized}px ui-monospace, SFMono-Regular, Menlo, Consolas, monospace`
    write(pen, font, word, toX(view, step), placed.top + placed.row.heightPx / 2 + 1, ink, "center")
  }
}

// Letters of the longest word, where the steps are words of a text.
function longest(view) {
  const { words, blanks } = view.figure.x
  return blanks.length ? Math.max(...words.map((word) => plain(word).length)) + 1 : 1
}

// How much room a step must have for its character, or for its word.
function leastRoom(view) {
  if (view.figure.x.blanks.length) return LEAST_LETTER * longest(view)
  return view.figure.x.words.some((word) => WIDE.test(word)) ? LEAST_WIDE : LEAST_LETTER
}

// The text itself, in the colours of the strip, where its characters do not fit into the cells of that.
function writeText(view) {
  const row = view.figure.rows.find(({ items }) => items.some((item) => item.lettered)), { words, blanks } = view.figure.x
  const strip = row?.items.find((item) => item.lettered)
  const fits = !strip || stepRoom(view, [view.figure.x.low, view.figure.x.high]) >= leastRoom(view)
  view.textAt.hidden = fits
  if (fits || view.written === strip) return
  view.written = strip
  const colours = table((strip.scale ?? view.figure.scale).colours), marked = row.items.filter((item) => item.kind === "marks")
  view.textAt.replaceChildren(...words.flatMap((word, step) => {
    const span = document.createElement("span")
    span.textContent = plain(word)
    span.dataset.step = step
    if (!Number.isNaN(strip.values[step])) {
      const [ground, ink] = cellColours(strip, view.figure.scale, colours, step)
      Object.assign(span.style, { background: ground, color: ink })
    }
    for (const { symbol, x } of marked) if (x.includes(step)) span.classList.add(symbol)
    const blank = blanks[step] ? [" "] : []
    return word === view.figure.newline ? [...blank, span, document.createElement("br")] : [...blank, span]
  }))
}

// Of a cell, and of words on it.
function cellColours(item, shared, colours, step) {
  const at = 4 * shade(item.scale ?? shared, item.values[step]), [r, g, b] = colours.slice(at, at + 3)
  return [`rgb(${r} ${g} ${b})`, 0.299 * r + 0.587 * g + 0.114 * b > 128 ? "#111" : "#fff"]
}

// Pixels a step has.
export const stepRoom = (view, [from, to] = limits(view)) => plotWidth(view) / (to - from)

// Beside its mark, on the side where there is more room; never cut, nor over the names of the curves.
function nameAlarm(view, placed, pen, alarm) {
  const x = toX(view, alarm.step), end = left(view) + plotWidth(view)
  if (x < left(view) || x > end) return // outside of what is looked at
  pen.font = `600 12px ${view.theme.font}`
  const width = pen.measureText(alarm.name).width, beside = x > (left(view) + end) / 2 ? x - 6 - width : x + 6
  write(pen, pen.font, alarm.name, Math.max(0, Math.min(beside, end - width)), placed.top + 8, view.theme.text)
}

// The name of each curve where it ends, with its value there or at the cursor; as many as fit, the thickest bands first.
function drawNames(view, placed, pen) {
  const { row, top } = placed, bottom = top + row.heightPx, at = view.cursor?.step ?? limits(view)[1], names = []
  const add = (y, item, value, look) => names.push({ y, text: [item.name, number(value, row.y.percent)], colour: item.colour, ...look })
  for (const item of row.items) {
    if (item.kind === "level") add(toY(placed, item.value), item, item.value, { dash: item.dash, width: item.width, size: Infinity })
    if (item.kind !== "line") continue
    const i = before(item, at)
    if (i < 0 || (row.y.log && item.y[i] <= 0)) continue
    const value = item.base ? item.share[i] : item.y[i]
    const look = { dash: item.dash, width: item.base ? 9 : item.width, size: item.base ? value : Infinity }
    add(toY(placed, item.base ? item.y[i] - value / 2 : value), item, value, look)
  }
  const room = Math.floor((bottom - top) / LINE_PX) + 1
  const shown = names.sort((a, b) => b.size - a.size).slice(0, room).sort((a, b) => a.y - b.y)
  shown.forEach((name, i) => (name.y = Math.max(name.y, i ? shown[i - 1].y + LINE_PX : top)))
  shown.reverse().forEach((name, i) => (name.y = Math.min(name.y, i ? shown[i - 1].y - LINE_PX : bottom)))
  const x = view.width - right(view) + 6, font = `11px ${view.theme.font}`
  for (const name of shown) {
    line(pen, x, name.y, x + SWATCH, name.y, name.colour, name.width, name.dash)
    write(pen, font, fit(pen, font, name.text, right(view) - SWATCH - 12), x + SWATCH + 6, name.y, view.theme.text)
  }
}

// The last point at or before a step whose value can be shown; -1 where there is none.
export function before(item, step) {
  let low = 0, high = item.x.length
  while (low < high) {
    const middle = (low + high) >> 1
    if (item.x[middle] <= step) low = middle + 1
    else high = middle
  }
  for (low -= 1; low >= 0 && !Number.isFinite(item.y[low]); ) low -= 1
  return low
}

const STEP_PX = 64
function drawSteps(view, pen, top, theme) {
  const [from, to] = limits(view), font = `11px ${theme.font}`
  const shown = ticks(from, to, Math.max(1, Math.min(10, plotWidth(view) / STEP_PX))).filter((t) => Number.isInteger(t) && t >= from)
  for (const tick of shown) write(pen, font, tick.toLocaleString("en"), toX(view, tick), top + 6, theme.text, "center", FADED)
  write(pen, font, view.figure.x.label, left(view), top + 22, theme.text, "left", FADED)
  if (view.saving) return
  const hint = view.zoom ? view.figure.hints.whole : view.figure.hints.closer
  pen.font = font
  const room = view.width - 8 - left(view) - pen.measureText(view.figure.x.label).width
  if (pen.measureText(hint).width + 12 < room) write(pen, font, hint, view.width - 8, top + 22, theme.text, "right", FADED)
}
