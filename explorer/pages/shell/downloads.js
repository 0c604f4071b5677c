// A list of tables with a button for each format. A download begins on the page itself, and so does a refusal.

export default function ({ data, parentElement }) {
  parentElement.querySelector(".tables").replaceChildren(...data.tables.map(row));
}

function row({ name, said, files }) {
  const whole = element("div", "row"), what = element("div", "what"), refusal = element("p", "refusal");
  refusal.setAttribute("role", "status");
  what.append(element("p", "name", name), element("p", "said", said), refusal);
  const buttons = element("div", "buttons");
  buttons.append(...files.map((file) => button(name, file, refusal)));
  whole.append(what, buttons);
  return whole;
}

function button(name, { label, address }, refusal) {
  const link = element("a", "", label);
  link.href = address;
  link.setAttribute("aria-label", `${label}: ${name}`);
  link.addEventListener("click", async (event) => {
    event.preventDefault();
    refusal.textContent = await reason(link.href);
    if (!refusal.textContent) download(link.href);
  });
  return link;
}

// Why there is no download at this address; "" where there is one.
async function reason(address) {
  try {
    const answer = await fetch(address, { method: "HEAD" });
    return answer.ok ? "" : decodeURIComponent(answer.headers.get("X-Reason") || "The server refuses this download.");
  } catch {
    return "The server does not answer. Try again.";
  }
}

function download(address) {
  const link = element("a");
  link.href = address;
  link.download = "";
  document.body.append(link);
  link.click();
  link.remove();
}

function element(tag, className = "", text = "") {
  const made = document.createElement(tag);
  made.className = className;
  made.textContent = text;
  return made;
}
