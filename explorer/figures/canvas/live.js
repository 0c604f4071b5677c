// Curves that grow while one looks at them: fetched from the server, again and again while a run goes.

const EVERY_MS = 1000, SELDOM_MS = 10000, ANSWER_MS = 5000
const charts = new WeakMap()

export default function ({ data, parentElement, setTriggerValue }) {
  let view = charts.get(parentElement)
  if (!view) charts.set(parentElement, (view = start(parentElement)))
  if (view.asked?.address !== data.address) forget(view) // other runs in the same place
  const turn = (view.mounted = (view.mounted ?? 0) + 1)
  view.asked = data
  view.changed = (state) => setTriggerValue("changed", state)
  view.root.style.minHeight = `${data.height}px`
  ask(view)
  return () => {
    if (turn !== view.mounted) return // a later call has it now
    view.turn += 1
    clearTimeout(view.timer)
    document.removeEventListener("visibilitychange", view.seen)
    view.observer.disconnect()
    charts.delete(parentElement)
  }
}

function start(parent) {
  const view = build(parent.querySelector(".panel"))
  Object.assign(view, { said: parent.querySelector(".said"), writes: parent.querySelector(".writes"), turn: 0 })
  Object.assign(view, { asked: null, reportedAt: 0, heard: new Date().toLocaleTimeString() })
  view.seen = () => document.hidden || ask(view)
  document.addEventListener("visibilitychange", view.seen)
  return view
}

function forget(view) {
  Object.assign(view, { zoom: null, cursor: null, drag: null, reported: null, figure: null })
  while (view.rows.length) view.rows.pop().at.remove()
  say(view, "", false)
  view.writes.hidden = true
}

// Ask how the runs stand, and again: every second while one of them goes or while the page does not yet show what they
// are, and seldom after that, since a run may be resumed from elsewhere.
async function ask(view) {
  clearTimeout(view.timer)
  const turn = ++view.turn, { address, state, language } = view.asked
  let wait = EVERY_MS
  if (!document.hidden) {
    try {
      const response = await fetch(here(`${address}?state=${encodeURIComponent(state)}&lang=${language}`), { cache: "no-store", signal: AbortSignal.timeout(ANSWER_MS) })
      const bytes = new Uint8Array(await response.arrayBuffer())
      if (turn !== view.turn) return
      if (!response.ok) say(view, new TextDecoder().decode(bytes), true)
      if (!response.ok || !take(view, bytes)) wait = SELDOM_MS
    } catch {
      if (turn !== view.turn) return
      say(view, view.asked.lost.replace("{since}", view.heard), true)
    }
  }
  view.timer = setTimeout(() => ask(view), wait)
}

function take(view, bytes) {
  const figure = unpack(bytes), { about } = figure
  view.heard = new Date().toLocaleTimeString()
  say(view, about.said, false)
  view.writes.hidden = !about.samples
  view.writes.querySelector("pre").textContent = about.samples
  show(view, figure)
  const known = about.state === view.asked.state
  // The page's answer to it is a new `asked`. Told again after a while: what is told while the page is cut off is lost.
  if (!known && (view.reported !== about.state || Date.now() - view.reportedAt > SELDOM_MS)) {
    Object.assign(view, { reported: about.state, reportedAt: Date.now() })
    view.changed(about.state)
  }
  return about.active || !known
}

function say(view, text, lost) {
  view.said.textContent = text
  view.said.classList.toggle("lost", lost)
}
