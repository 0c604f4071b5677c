// The picture as a file: drawn once more, by the same strokes, on a canvas of its own or into an SVG.

const MARGIN = 12, TITLE_LINE = 17

export function save(view, kind) {
  const size = { width: view.width + 2 * MARGIN, height: heightOf(view) + 2 * MARGIN }
  if (kind === "svg") {
    const pen = new SvgPen(size)
    paint(view, pen, size)
    return offer(new Blob([pen.text()], { type: "image/svg+xml" }), "svg")
  }
  const canvas = document.createElement("canvas"), sharp = 2
  Object.assign(canvas, { width: sharp * size.width, height: sharp * size.height })
  const pen = canvas.getContext("2d")
  pen.scale(sharp, sharp)
  paint(view, pen, size)
  canvas.toBlob((blob) => offer(blob, "png"))
}

function offer(blob, kind) {
  const link = document.createElement("a")
  Object.assign(link, { href: URL.createObjectURL(blob), download: `picture.${kind}` })
  link.click()
  setTimeout(() => URL.revokeObjectURL(link.href), 10000)
}

const linesOf = (placed) => (placed.row.title ? placed.row.title.split("<br>") : [])
const heightOf = (view) => view.rows.reduce((sum, placed) => sum + TITLE_LINE * linesOf(placed).length + placed.height, 0)

function paint(view, pen, { width, height }) {
  const style = getComputedStyle(view.root)
  pen.fillStyle = style.getPropertyValue("--st-background-color") || "#fff"
  pen.fillRect(0, 0, width, height)
  pen.translate(MARGIN, MARGIN)
  view.saving = true
  for (const placed of view.rows) {
    for (const text of linesOf(placed)) {
      writeMarked(view, pen, marked(text), 0, TITLE_LINE / 2)
      pen.translate(0, TITLE_LINE)
    }
    drawRow(view, placed, pen)
    pen.translate(0, placed.height)
  }
  view.saving = false
}

// A line of a title, piece by piece.
function writeMarked(view, pen, node, x, y, look = { bold: false, low: false, colour: view.theme.text }) {
  for (const child of node.childNodes) {
    if (child.nodeType === Node.TEXT_NODE) {
      write(pen, `${look.bold ? 600 : 400} ${look.low ? 9 : 13}px ${view.theme.font}`, child.data, x, look.low ? y + 4 : y, look.colour)
      x += pen.measureText(child.data).width
    } else {
      const inner = { ...look, bold: look.bold || child.localName === "b", low: look.low || child.localName === "sub" }
      x = writeMarked(view, pen, child, x, y, { ...inner, colour: child.style.color || look.colour })
    }
  }
  return x
}

// What a canvas's pen can do, as far as the drawings use it, written down as SVG.
class SvgPen {
  constructor({ width, height }) {
    Object.assign(this, { width, height, parts: [], defs: [], path: "", dash: [], stack: [], open: 0, ruler: new OffscreenCanvas(1, 1).getContext("2d") })
    Object.assign(this, { globalAlpha: 1, fillStyle: "#000", strokeStyle: "#000", lineWidth: 1, font: "13px sans-serif", textAlign: "left", ids: 0 })
  }
  text() {
    const inner = `<defs>${this.defs.join("")}</defs>${this.parts.join("")}${"</g>".repeat(this.open)}`
    return `<svg xmlns="http://www.w3.org/2000/svg" width="${this.width}" height="${this.height}" viewBox="0 0 ${this.width} ${this.height}">${inner}</svg>`
  }
  group(attribute) {
    this.parts.push(`<g ${attribute}>`)
    this.open += 1
  }
  save() { this.stack.push(this.open) }
  restore() {
    const before = this.stack.pop()
    this.parts.push("</g>".repeat(this.open - before))
    this.open = before
  }
  translate(x, y) { this.group(`transform="translate(${x} ${y})"`) }
  rotate(angle) { this.group(`transform="rotate(${(angle * 180) / Math.PI})"`) }
  scale(x, y) { this.group(`transform="scale(${x} ${y})"`) }
  clip() {
    const id = `c${this.ids++}`
    this.defs.push(`<clipPath id="${id}"><path d="${this.path}"/></clipPath>`)
    this.group(`clip-path="url(#${id})"`)
  }
  beginPath() { this.path = "" }
  moveTo(x, y) { this.path += `M${round(x)} ${round(y)}` }
  lineTo(x, y) { this.path += `${this.path ? "L" : "M"}${round(x)} ${round(y)}` }
  rect(x, y, w, h) { this.path += `M${x} ${y}h${w}v${h}h${-w}z` }
  arc(x, y, r) { this.path += `M${x - r} ${y}a${r} ${r} 0 1 0 ${2 * r} 0a${r} ${r} 0 1 0 ${-2 * r} 0` }
  setLineDash(dash) { this.dash = dash }
  stroke() {
    const dash = this.dash.length ? ` stroke-dasharray="${this.dash.join(" ")}"` : ""
    this.parts.push(`<path d="${this.path}" fill="none" stroke="${attribute(this.strokeStyle)}" stroke-width="${this.lineWidth}" stroke-linejoin="round" opacity="${this.globalAlpha}"${dash}/>`)
  }
  fill() { this.parts.push(`<path d="${this.path}" fill="${this.paint()}" opacity="${this.globalAlpha}"/>`) }
  fillRect(x, y, w, h) { this.parts.push(`<rect x="${round(x)}" y="${round(y)}" width="${round(w)}" height="${round(h)}" fill="${this.paint()}" opacity="${this.globalAlpha}"/>`) }
  paint() { return attribute(this.fillStyle.url ?? this.fillStyle) }
  measureText(text) {
    this.ruler.font = this.font
    return this.ruler.measureText(text)
  }
  fillText(text, x, y) {
    const anchor = { left: "start", right: "end", center: "middle" }[this.textAlign]
    this.parts.push(`<text x="${round(x)}" y="${round(y)}" style="font:${attribute(this.font)}" text-anchor="${anchor}" dominant-baseline="central" fill="${this.paint()}" opacity="${this.globalAlpha}" xml:space="preserve">${attribute(text)}</text>`)
  }
  createLinearGradient(x0, y0, x1, y1) {
    const id = `g${this.ids++}`, stops = [], place = this.defs.length
    const ends = `gradientUnits="userSpaceOnUse" x1="${x0}" y1="${y0}" x2="${x1}" y2="${y1}"`
    return { url: `url(#${id})`, addColorStop: (at, colour) => {
      stops.push(`<stop offset="${at}" stop-color="${colour}"/>`)
      this.defs[place] = `<linearGradient id="${id}" ${ends}>${stops.join("")}</linearGradient>`
    } }
  }
  drawImage(image, sx, sy, sw, sh, x, y, w, h) {
    const part = document.createElement("canvas")
    Object.assign(part, { width: Math.max(1, Math.round(sw)), height: sh })
    part.getContext("2d").drawImage(image, sx, sy, sw, sh, 0, 0, part.width, sh)
    this.parts.push(`<image x="${round(x)}" y="${round(y)}" width="${round(w)}" height="${round(h)}" preserveAspectRatio="none" style="image-rendering:pixelated" href="${part.toDataURL()}"/>`)
  }
}

const round = (value) => Math.round(100 * value) / 100
const attribute = (text) => String(text).replace(/[&<>"]/g, (c) => `&#${c.charCodeAt(0)};`)
