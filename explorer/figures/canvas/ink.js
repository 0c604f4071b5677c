// What all drawings on a canvas share: reading what Python packed, numbers and words, strokes.
// These files are joined to one module (figures/canvas/__init__.py): what one says, those after it can call.

// 4 bytes: the length of the JSON that follows, padded to a multiple of 8; then the columns, each padded likewise.
// In the JSON {"column": i} is the i-th of them, and {"from": a, "count": n} the numbers a, a + 1, ...
export function unpack(bytes) {
  const copy = bytes.slice()
  const length = new DataView(copy.buffer).getUint32(0, true)
  const text = new TextDecoder().decode(copy.subarray(8, 8 + length))
  let at = 8 + length
  const columns = JSON.parse(text).columns.map(([type, count]) => {
    const column = new COLUMNS[type](copy.buffer, at, count)
    at += Math.ceil(column.byteLength / 8) * 8
    return column
  })
  return JSON.parse(text, (_, value) => {
    if (typeof value?.column === "number") return columns[value.column]
    if (typeof value?.from === "number") return Float32Array.from({ length: value.count }, (_, i) => value.from + i)
    return value
  })
}

const COLUMNS = { f4: Float32Array, f8: Float64Array, i1: Int8Array, i2: Int16Array, i4: Int32Array, u1: Uint8Array }

export function ticks(low, high, about) {
  if (!(high > low)) return [low]
  const rough = (high - low) / about, power = 10 ** Math.floor(Math.log10(rough))
  const gap = power * [1, 2, 5, 10].find((m) => m * power >= rough * (1 - 1e-9))
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
  if (!Number.isFinite(value)) return Number.isNaN(value) ? "–" : value > 0 ? "∞" : "−∞"
  const size = Math.abs(value)
  if (size !== 0 && (size < 1e-3 || size >= 1e5)) return minus(value.toExponential(1))
  return minus(Number(value.toPrecision(3)).toLocaleString("en", { maximumSignificantDigits: 3 }))
}

const minus = (text) => text.replace(/^-/, "−")

// A value as a d3-format asks for it, as far as the panels' words do.
export function formatted(value, format) {
  if (typeof value !== "number") return String(value ?? "")
  if (format === "d") return String(value)
  if (format === "04,d") return minus((value / 100).toFixed(2)) // hundredths
  const percent = /^\.(\d)%$/.exec(format ?? "")
  return percent ? `${(100 * value).toFixed(percent[1])} %` : number(value)
}

// "gradient %{y:.3~g}" with what the names stand for.
export const said = (template, values) =>
  template.replace(/%\{(\w+)(?:\[(\d+)\])?(?::([^}]*))?\}/g, (_, name, index, format) =>
    formatted(index === undefined ? values[name] : values[name]?.[index], format))

// The little HTML that titles and hover texts are written in, as nodes: nothing else in it is taken for HTML.
const TAG = /<(b|sub|br|\/b|\/sub|\/span|span style='color:(#[0-9a-f]{6})')>/i
export function marked(text) {
  const whole = document.createDocumentFragment(), open = [whole]
  const parts = text.split(/(<[^<>]*>)/)
  for (const part of parts) {
    const tag = TAG.exec(part)
    if (!tag || tag[0] !== part) open.at(-1).append(plain(part))
    else if (tag[1] === "br") open.at(-1).append(document.createElement("br"))
    else if (tag[1].startsWith("/")) open.length > 1 && open.pop()
    else {
      const made = document.createElement(tag[1].split(" ")[0])
      if (tag[2]) made.style.color = tag[2]
      open.at(-1).append(made)
      open.push(made)
    }
  }
  return whole
}

// Entities by number are what `style.escaped` makes of a person's text; the mark after it only turns the direction.
export const plain = (text) => text.replace(/&#(\d+);/g, (_, code) => String.fromCodePoint(code)).replace(/\u200e$/, "")

export function line(pen, x0, y0, x1, y1, colour, width, dash) {
  pen.beginPath()
  pen.moveTo(x0, y0)
  pen.lineTo(x1, y1)
  stroke(pen, colour, width, dash, 1)
}

export function stroke(pen, colour, width, dash, opacity) {
  if (!width) return
  pen.globalAlpha = opacity
  pen.strokeStyle = colour
  pen.lineWidth = width
  pen.lineJoin = "round"
  pen.setLineDash(dash)
  pen.stroke()
  pen.setLineDash([])
  pen.globalAlpha = 1
}

export function write(pen, font, text, x, y, colour, align = "left", opacity = 1) {
  pen.font = font
  pen.textAlign = align
  pen.textBaseline = "middle"
  pen.fillStyle = colour
  pen.globalAlpha = opacity
  pen.fillText(text, x, y)
  pen.globalAlpha = 1
}

// A name and its value; of a long name as much as there is room for.
export function fit(pen, font, [name, value], room) {
  pen.font = font
  let text = `${name} ${value}`
  for (let kept = name; kept.length > 2 && pen.measureText(text).width > room; text = `${kept}… ${value}`) kept = kept.slice(0, -1)
  return text
}

// 256 colours of a scale, four bytes each.
const tables = new Map()
export function table(colours) {
  const key = JSON.stringify(colours)
  if (!tables.has(key)) {
    const canvas = new OffscreenCanvas(256, 1), pen = canvas.getContext("2d", { willReadFrequently: true })
    const ramp = pen.createLinearGradient(0.5, 0, 255.5, 0)
    colours.forEach(([place, colour]) => ramp.addColorStop(place, colour))
    pen.fillStyle = ramp
    pen.fillRect(0, 0, 256, 1)
    tables.set(key, pen.getImageData(0, 0, 256, 1).data)
  }
  return tables.get(key)
}

// Which of the 256 colours a value has.
export const shade = ({ low, high, log }, value) => {
  const part = log ? Math.log(value / low) / Math.log(high / low) : (value - low) / (high - low)
  return Math.max(0, Math.min(255, Math.round(255 * (Number.isNaN(part) ? 0 : part))))
}

// Addresses are beside the page's own, wherever the app is served.
export const here = (address) => new URL(address, location.href.replace(/[?#].*$/, "").replace(/\/+$/, ""))
