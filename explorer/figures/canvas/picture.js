// A picture on a page: fetched from the server when the page says that it has changed, and at each keystroke before the page
// knows of it. A newer keystroke breaks off what was asked before.

const PATIENCE_MS = 30000, PENDING_MS = 4000, FRAME_MS = 450, TABLE_MS = 1000, TABLED = 400
const views = new WeakMap()

export default function ({ data, parentElement, setTriggerValue }) {
  let view = views.get(parentElement)
  if (!view) views.set(parentElement, (view = mount(parentElement)))
  const turn = (view.turn = (view.turn ?? 0) + 1)
  view.asked = data
  view.chose = (at) => setTriggerValue("chosen", at)
  view.brushed = (first, last) => setTriggerValue("brushed", [first, last])
  view.went = (epoch) => setTriggerValue("epoch", epoch)
  offerEpochs(view)
  view.toolsAt.textContent = data.words.save
  if (!view.figure) view.root.style.minHeight = `${data.height}px`
  const newer = view.typed !== undefined && view.typed !== data.text && Date.now() - view.typedAt < PENDING_MS
  if (!newer && !view.playing) {
    view.typed = undefined
    if (view.stamp !== data.stamp) ask(view)
    else later(view) // the theme may be another
  }
  return () => {
    if (turn !== view.turn) return // a later call has it now
    view.asking?.abort()
    clearTimeout(view.playing)
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
    stop(view)
    ask(view, { text: target.value })
  }
  document.addEventListener("input", view.typing, true) // before anything can stop it
  view.tableAt = parent.querySelector("table")
  const [words, png, svg] = parent.querySelector(".tools").children
  view.toolsAt = words
  png.onclick = () => save(view, "png")
  svg.onclick = () => save(view, "svg")
  view.epochsAt = parent.querySelector(".epochs")
  const [button, slider] = view.epochsAt.children
  button.onclick = () => (view.playing ? pause(view) : play(view))
  slider.oninput = () => {
    stop(view)
    at(view, slider.value)
  }
  slider.onchange = () => view.went(view.asked.epochs[slider.value])
  return view
}

// The slider over the picture, where the page shows it.
function offerEpochs(view) {
  const { epochs, epoch, words } = view.asked, [button, slider] = view.epochsAt.children
  view.epochsAt.hidden = epochs.length < 2
  if (epochs.length < 2 || view.playing) return
  slider.max = epochs.length - 1
  slider.value = epochs.indexOf(epoch)
  slider.setAttribute("aria-label", words.epoch)
  button.textContent = `▶ ${words.play}`
  sayEpoch(view, epoch)
}

const sayEpoch = (view, epoch) => (view.epochsAt.querySelector("output").textContent = `${view.asked.words.epoch} ${epoch}`)

// From the first epoch on, or from where the slider is; the page follows where it ends.
function play(view) {
  const [button, slider] = view.epochsAt.children
  if (Number(slider.value) >= Number(slider.max)) slider.value = -1
  button.textContent = `❚❚ ${view.asked.words.pause}`
  const next = async () => {
    slider.value = Number(slider.value) + (slider.value === "0" && !view.begun ? 0 : 1)
    view.begun = true
    await at(view, slider.value)
    if (!view.playing) return
    if (Number(slider.value) >= Number(slider.max)) pause(view)
    else view.playing = setTimeout(next, FRAME_MS)
  }
  view.begun = Number(slider.value) > 0
  view.playing = setTimeout(next)
}

function stop(view) {
  clearTimeout(view.playing)
  view.playing = 0
  view.epochsAt.children[0].textContent = `▶ ${view.asked.words.play}`
}

function pause(view) {
  stop(view)
  view.went(view.asked.epochs[view.epochsAt.children[1].value])
}

function at(view, place) {
  const epoch = view.asked.epochs[place]
  sayEpoch(view, epoch)
  return ask(view, { text: view.typed, epoch })
}

async function ask(view, question = {}) {
  view.asking?.abort()
  const asking = (view.asking = new AbortController()), begun = performance.now()
  view.root.setAttribute("aria-busy", "true")
  try {
    const body = JSON.stringify(question)
    const signal = AbortSignal.any([asking.signal, AbortSignal.timeout(PATIENCE_MS)])
    const response = await fetch(here(view.asked.address), { method: "POST", body, cache: "no-store", signal })
    const bytes = new Uint8Array(await response.arrayBuffer())
    if (view.asking !== asking || response.status === 204) return // a newer one was asked for
    tellOf(view, response.ok ? "" : new TextDecoder().decode(bytes))
    if (!response.ok) return
    const arrived = performance.now(), figure = unpack(bytes)
    view.stamp = figure.about.epoch === null ? figure.about.stamp : ""
    view.root.style.minHeight = ""
    show(view, figure)
    clearTimeout(view.tabled)
    view.tabled = setTimeout(() => tabulate(view), TABLE_MS)
    view.root.dataset.drawn = `${figure.about.stamp}${question.epoch === undefined ? "" : `@${question.epoch}`}`
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

// The same for those who cannot see it: a line a step, with what each row says there; when nothing was typed for a while.
function tabulate(view) {
  const { figure, rows } = view, told = []
  for (let step = 0; step <= Math.min(figure.x.high, TABLED); step++)
    told.push([step, figure.x.words[step] ?? "", ...rows.map((placed) => placed.row.items.flatMap((item) => TOLD[item.kind]?.(view, placed, item, step) ?? []).join(", "))])
  const heads = [figure.hints.step, figure.hints.token, ...rows.map((placed) => placed.row.title)]
  const kept = heads.map((_, column) => column < 2 || told.some((line) => line[column]))
  const line = (cells, tag) => {
    const at = document.createElement("tr")
    cells.forEach((text, column) => kept[column] && append(at, tag, "").append(marked(String(text))))
    return at
  }
  const caption = document.createElement("caption")
  caption.textContent = figure.alt
  view.tableAt.replaceChildren(caption, line(heads, "th"), ...told.map((cells) => line(cells, "td")))
}
