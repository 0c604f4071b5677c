// What follows the pointer, a finger or the keys: a cursor through all rows, what is said of it, a zoom, a choice.

const CLICK_PX = 4

function point(view) {
  const { root } = view
  root.tabIndex = 0
  root.addEventListener("pointerdown", (event) => {
    const at = find(view, event)
    if (!at || event.button) return
    if (!at.text) event.target.setPointerCapture?.(event.pointerId) // over a text the pointer goes from character to character
    view.drag = { ...at, x: event.clientX, moved: false }
  })
  root.addEventListener("pointermove", (event) => {
    const at = view.drag ? follow(view, event) : find(view, event)
    if (view.drag && Math.abs(event.clientX - view.drag.x) > CLICK_PX) view.drag.moved = true
    if (!at && !view.drag) return leave(view)
    view.cursor = at
    refresh(view)
  })
  root.addEventListener("pointerup", (event) => {
    const { drag } = view
    view.drag = null
    if (!drag || !view.figure) return
    const at = follow(view, event, drag)
    if (drag.moved) dragged(view, drag, at)
    else choose(view, at)
    refresh(view)
  })
  root.addEventListener("pointercancel", () => {
    view.drag = null
    leave(view)
  })
  root.addEventListener("pointerleave", () => view.drag || leave(view))
  root.addEventListener("blur", () => leave(view))
  root.addEventListener("dblclick", () => {
    view.zoom = null
    later(view)
  })
  root.addEventListener("keydown", (event) => {
    if (!view.figure || !pressed(view, event)) return
    event.preventDefault()
    refresh(view)
    view.heardAt.replaceChildren(...words(view).map((text) => marked(`${text}. `)))
  })
}

const leave = (view) => {
  view.cursor = null
  refresh(view)
}

// The names of growing curves say their values at the cursor; everything else lies over what is drawn.
const refresh = (view) => (view.figure?.named ? later : lights)(view)

// Where the pointer is: a row, a step, and a value on the row's axis; null beside the rows.
function find(view, event) {
  if (!view.figure) return null
  const step = event.composedPath()[0]?.dataset?.step
  if (step !== undefined) return { placed: pinnedOf(view), step: Number(step), value: 0, text: true }
  for (const placed of view.rows) {
    const box = placed.canvas.getBoundingClientRect()
    if (event.clientY < box.top || event.clientY > box.bottom) continue
    return where(view, placed, event.clientX - box.left, event.clientY - box.top)
  }
  return null
}

const pinnedOf = (view) => view.rows.find((placed) => placed.row.pinned) ?? view.rows[0]

// The same inside the row where a drag began.
function follow(view, event, drag = view.drag) {
  if (drag.text) return find(view, event)?.text ? find(view, event) : (view.cursor ?? drag)
  const box = drag.placed.canvas.getBoundingClientRect()
  return where(view, drag.placed, event.clientX - box.left, event.clientY - box.top)
}

function where(view, placed, x, y) {
  const inside = Math.min(Math.max(x, left(view)), left(view) + plotWidth(view))
  const [first, last] = ends(view)
  const step = view.figure.named ? toStep(view, inside) : Math.min(Math.max(Math.round(toStep(view, inside)), first), last)
  return { placed, step, value: toValue(placed, Math.min(Math.max(y, placed.top), placed.top + placed.row.heightPx)) }
}

// The first and the last step that is to be seen.
function ends(view) {
  const [from, to] = limits(view)
  if (view.figure.named) return [from, to]
  return [Math.max(0, Math.ceil(from)), Math.min(Math.ceil(view.figure.x.high) - 1, Math.floor(to))]
}

function dragged(view, from, to) {
  const [first, last] = [from.step, to.step].sort((a, b) => a - b)
  if (from.placed.row.brushed) return view.brushed?.(first, last)
  if (last > first) {
    const half = view.figure.named ? 0 : 0.5
    view.zoom = [first - half, last + half]
    later(view)
  }
}

function choose(view, at) {
  const item = at.placed.row.items.find((one) => one.kind === "units" || one.kind === "heatmap")
  const place = item && item.lines > 1 ? Math.min(item.lines - 1, Math.max(0, Math.round(at.value))) : null
  view.chose?.({ row: at.placed.row.key, step: at.step, line: place === null ? at.placed.row.line : (item.numbers?.[place] ?? place) })
}

function pressed(view, event) {
  const [first, last] = ends(view), by = view.figure.named ? (last - first) / 100 : 1
  const at = view.cursor ?? { placed: view.rows[0], step: null, value: view.rows[0].range[1] }
  const steps = {
    ArrowRight: () => (at.step === null ? first : Math.min(at.step + by, last)), ArrowLeft: () => (at.step === null ? last : Math.max(at.step - by, first)),
    Home: () => first, End: () => last,
  }
  if (event.key === "Escape") {
    view.zoom = null
    view.cursor = null
    later(view)
  } else if (event.key === "Enter" && view.cursor) choose(view, view.cursor)
  else if (event.key in steps) view.cursor = { ...at, step: steps[event.key]() }
  else if (event.key === "ArrowDown" || event.key === "ArrowUp") view.cursor = moved({ ...at, step: at.step ?? first }, event.key === "ArrowDown" ? 1 : -1, view)
  else return false
  return true
}

// To the next line of the heatmap the cursor is in, and from its last line to the next row.
function moved(at, by, view) {
  const grid = at.placed.row.items.find((item) => item.kind === "units"), line = grid ? Math.round(at.value) + by : -1
  if (grid && line >= 0 && line < grid.lines) return { ...at, value: line }
  const placed = view.rows[Math.min(Math.max(at.placed.index + by, 0), view.rows.length - 1)]
  const next = placed.row.items.find((item) => item.kind === "units")
  return { ...at, placed, value: next ? (by > 0 ? 0 : next.lines - 1) : placed.range[1] }
}

// Everything that follows the cursor and lies over what is drawn.
export function lights(view) {
  const { cursor, figure } = view
  const shown = Boolean(cursor && figure)
  view.cursorAt.hidden = view.toldAt.hidden = !shown
  view.shadeAt.hidden = !(shown && view.drag?.moved)
  for (const placed of view.rows) {
    placed.now.hidden = true
    placed.light.hidden = true
  }
  if (!shown) return lightText(view)
  const x = Math.min(Math.max(toX(view, cursor.step), left(view)), left(view) + plotWidth(view))
  view.cursorAt.style.transform = `translateX(${x}px)`
  if (!view.shadeAt.hidden) {
    const [from, to] = [toX(view, view.drag.step), x].sort((a, b) => a - b)
    Object.assign(view.shadeAt.style, { left: `${from}px`, width: `${to - from}px` })
  }
  if (!view.textAt.hidden) lightText(view)
  const unit = unitAt(cursor)
  for (const placed of view.rows) light(view, placed, unit, x)
  tell(view, x)
}

// The character under the cursor, or those that are dragged across, in the text itself.
function lightText(view) {
  for (const at of view.textAt.querySelectorAll(".at")) at.classList.remove("at")
  if (!view.cursor || !view.figure) return
  const [from, to] = [view.drag?.moved ? view.drag.step : view.cursor.step, view.cursor.step].sort((a, b) => a - b)
  for (let step = from; step <= to; step++) view.textAt.querySelector(`[data-step="${step}"]`)?.classList.add("at")
}

// The unit under the cursor, where it is in a heatmap of units.
function unitAt({ placed, value }) {
  const grid = placed.row.items.find((item) => item.kind === "units")
  if (!grid) return null
  const line = Math.min(grid.lines - 1, Math.max(0, Math.round(value)))
  return { net: grid.net, line, number: grid.numbers[line] }
}

// What a row shows at the cursor, at its edge; and the line of the unit, in every heatmap of its net.
function light(view, placed, unit, x) {
  const grid = placed.row.items.find((item) => item.kind === "units")
  if (grid && unit && grid.net === unit.net) {
    const each = placed.row.heightPx / grid.lines
    placed.light.hidden = false
    Object.assign(placed.light.style, { top: `${toY(placed, unit.line) - Math.max(1, each / 2)}px`, height: `${Math.max(2, each)}px`,
      left: `${left(view)}px`, width: `${plotWidth(view)}px` })
  }
  if (placed === view.cursor.placed || placed.row.pinned || grid || view.figure.named) return
  const told = placed.row.items.flatMap((item) => TOLD[item.kind]?.(view, placed, item, view.cursor.step) ?? [])
  if (!told.length) return
  placed.now.hidden = false
  placed.now.replaceChildren(...told.slice(0, 6).map((text, i) => nodes(i ? ` · ${text}` : text)))
  Object.assign(placed.now.style, x > view.width / 2 ? { left: `${left(view) + 4}px`, right: "auto" } : { left: "auto", right: `${right(view) + 2}px` })
}

const nodes = (text) => {
  const span = document.createElement("span")
  span.append(marked(text.replaceAll("<br>", " ")))
  return span
}

// The words of the items of a row at a step.
const TOLD = {
  line(view, placed, item, step) {
    if (!item.hover) return []
    const i = item.x.length && Math.round(step - item.x[0]), at = item.x[i] === step ? i : item.x.indexOf(step)
    if (at < 0 || at >= item.x.length || Number.isNaN(item.y[at])) return []
    return [said(item.hover, { x: step, y: item.y[at], text: item.text?.[at] ?? "", customdata: item.values?.[at] })]
  },
  bars(view, placed, item, step) {
    const at = item.at.indexOf(step)
    return at < 0 || !Number.isFinite(item.values[at]) ? [] : [said(item.hover, { x: step, y: item.values[at], customdata: item.said[at] })]
  },
  heatmap(view, placed, item, step) {
    if (item.lines > 1) return []
    return cell(item, 0, step)
  },
  marks: () => [],
}

function cell(item, line, step) {
  const steps = item.values.length / item.lines, at = line * steps + step
  if (step < 0 || step >= steps) return []
  if (Number.isNaN(item.values[at]) && !item.text) return []
  return [said(item.hover, { x: step, y: line, z: item.values[at], text: item.text?.[at] ?? "" })]
}

// What is said of the step, and of what is under the pointer; the first line is the step itself.
export function words(view) {
  const { figure, cursor } = view
  if (!cursor) return []
  if (figure.named) return [`<b>${figure.hints.step} ${Math.round(cursor.step).toLocaleString("en")}</b>`]
  const character = figure.x.words[cursor.step]
  const head = `<b>${figure.hints.step} ${cursor.step}${character === undefined ? "" : ` “${character}”`}</b>`
  const pinned = view.rows.filter((placed) => placed.row.pinned && placed !== cursor.placed)
  const strip = pinned.flatMap((placed) => placed.row.items.flatMap((item) => TOLD[item.kind]?.(view, placed, item, cursor.step) ?? []))
  return [head, ...strip, ...(figure.told[cursor.step] ? [figure.told[cursor.step]] : []), ...under(view)]
}

function under(view) {
  const { cursor, figure } = view, { placed, step } = cursor, unit = unitAt(cursor)
  if (unit) return ofUnit(figure, unit, step)
  const line = Math.round(cursor.value), grid = placed.row.items.some((item) => item.lines > 1)
  const found = placed.row.items.flatMap((item) =>
    grid && item.kind === "line" ? onLine(view, placed, item, line, step)
    : item.kind === "heatmap" && item.lines > 1 ? cell(item, line, step)
    : item.kind === "gaps" && inGap(item, line, step) ? [said(item.hover, { x: step, y: line })]
    : item.kind === "area" && inArea(item, step, cursor.value) ? [item.hover]
    : TOLD[item.kind]?.(view, placed, item, step) ?? [])
  return [...new Set(found)].filter(Boolean)
}

// Over a heatmap a line says something of the cell it goes through, and of no other.
const onLine = (view, placed, item, line, step) =>
  item.x.some((x, i) => x === step && Math.round(item.y[i]) === line) ? [said(item.hover ?? "", { x: step, y: line })] : []

// Every part of a unit at a step: those that are drawn, and those that only are said.
function ofUnit(figure, unit, step) {
  const parts = []
  for (const row of figure.rows)
    for (const item of row.items) {
      if (item.kind !== "units" || item.net !== unit.net) continue
      for (const [letter, values] of [[item.letter, item.values], ...Object.entries(item.said)]) {
        const value = values[unit.line * (item.values.length / item.lines) + step]
        parts.push(`${letter} ${Number.isFinite(value) ? (value * item.unit).toFixed(2).replace("-", "−") : figure.hints.infinite}`)
      }
    }
  const role = figure.roles[unit.number]
  return [`<b>${figure.hints.unit} ${unit.number}</b>  ${parts.join("  ")}`, ...(role ? [role] : [])]
}

const inGap = (item, line, step) => {
  const steps = item.where.length / item.lines, at = line - item.first
  return at >= 0 && at < item.lines && step < steps && item.where[at * steps + step] > 0
}

// By the crossings of a ray to the right.
function inArea({ x, y }, px, py) {
  let inside = false
  for (let i = 0, j = x.length - 1; i < x.length; j = i++)
    if (y[i] > py !== y[j] > py && px < ((x[j] - x[i]) * (py - y[i])) / (y[j] - y[i]) + x[i]) inside = !inside
  return inside
}

function tell(view, x) {
  const lines = words(view), { toldAt, cursor, root } = view
  toldAt.hidden = !lines.length || Boolean(view.drag?.moved)
  toldAt.replaceChildren(...lines.map((text) => {
    const at = document.createElement("div")
    at.append(marked(text))
    return at
  }))
  if (toldAt.hidden) return
  const plot = cursor.placed.plot, wide = toldAt.offsetWidth, beside = x + 14 + wide > view.width ? x - 14 - wide : x + 14
  const value = Math.min(Math.max(toY(cursor.placed, cursor.value), 0), cursor.placed.row.heightPx)
  const y = plot.offsetTop + value - toldAt.offsetHeight / 2
  toldAt.style.transform = `translate(${Math.max(0, beside)}px, ${Math.min(Math.max(0, y), Math.max(0, root.scrollHeight - toldAt.offsetHeight))}px)`
}
