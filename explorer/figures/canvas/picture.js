// A picture on a page: fetched from the server when the page says that it has changed, and at each keystroke before the page
// knows of it. A newer keystroke breaks off what was asked before.

const PATIENCE_MS = 30000, PENDING_MS = 4000
const views = new WeakMap()

export default function ({ data, parentElement, setTriggerValue }) {
  let view = views.get(parentElement)
  if (!view) views.set(parentElement, (view = mount(parentElement)))
  const turn = (view.turn = (view.turn ?? 0) + 1)
  view.asked = data
  view.chose = (at) => setTriggerValue("chosen", at)
  view.brushed = (first, last) => setTriggerValue("brushed", [first, last])
  if (!view.figure) view.root.style.minHeight = `${data.height}px`
  const newer = view.typed !== undefined && view.typed !== data.text && Date.now() - view.typedAt < PENDING_MS
  if (!newer) {
    view.typed = undefined
    if (view.stamp !== data.stamp) ask(view)
    else later(view) // the theme may be another
  }
  return () => {
    if (turn !== view.turn) return // a later call has it now
    view.asking?.abort()
    view.observer.disconnect()
    document.removeEventListener("input", view.typing, true)
    views.delete(parentElement)
  }
}

function mount(parent) {
  const view = build(parent.querySelector(".panel"))
  view.said = parent.querySelector(".said")
  view.typing = ({ target }) => {
    const { typed, most } = view.asked
    if (!typed || !target.closest?.(`.st-key-${typed}`) || target.value.length > most) return
    Object.assign(view, { typed: target.value, typedAt: Date.now() })
    ask(view, target.value)
  }
  document.addEventListener("input", view.typing, true) // before anything can stop it
  return view
}

async function ask(view, text) {
  view.asking?.abort()
  const asking = (view.asking = new AbortController()), begun = performance.now()
  view.root.setAttribute("aria-busy", "true")
  try {
    const body = JSON.stringify(text === undefined ? {} : { text })
    const signal = AbortSignal.any([asking.signal, AbortSignal.timeout(PATIENCE_MS)])
    const response = await fetch(here(view.asked.address), { method: "POST", body, cache: "no-store", signal })
    const bytes = new Uint8Array(await response.arrayBuffer())
    if (view.asking !== asking) return
    tellOf(view, response.ok ? "" : new TextDecoder().decode(bytes))
    if (!response.ok) return
    const arrived = performance.now(), figure = unpack(bytes)
    view.stamp = figure.about.stamp
    view.root.style.minHeight = ""
    show(view, figure)
    view.root.dataset.drawn = view.stamp
    // What the browser's own profiler, and ours, says of it.
    const detail = { ...figure.about, bytes: bytes.length, askedMs: arrived - begun, drawnMs: performance.now() - arrived }
    performance.measure("picture", { start: begun, detail })
  } catch (fault) {
    if (view.asking === asking) tellOf(view, view.asked.lost)
  } finally {
    if (view.asking === asking) view.root.setAttribute("aria-busy", "false")
  }
}

function tellOf(view, words) {
  view.said.textContent = words
  view.said.hidden = !words
}
