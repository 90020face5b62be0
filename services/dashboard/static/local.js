// Times in the viewer's own terms: what the server could only tell by Greenwich, or by how long ago.

const SVG = "http://www.w3.org/2000/svg";
const CLOCK = { hour: "numeric", minute: "2-digit" };
const WEEKDAY = { weekday: "short" };
const MOMENT = { ...WEEKDAY, day: "numeric", month: "short", ...CLOCK };

// Where a round time lies at or before another, and the one after it; never of a fixed length,
// since some days have 23 hours.
const ROUNDS = {
  hour: {
    floor: (at) => at.setMinutes(15 * Math.floor(at.getMinutes() / 15), 0, 0),
    next: (at) => at.setMinutes(at.getMinutes() + 15),
    told: (at) => at.toLocaleTimeString([], CLOCK),
  },
  day: {
    floor: (at) => at.setHours(6 * Math.floor(at.getHours() / 6), 0, 0, 0),
    next: (at) => at.setHours(at.getHours() + 6),
    told: (at) => (at.getHours() ? at.toLocaleTimeString([], CLOCK) : at.toLocaleDateString([], WEEKDAY)),
  },
  week: {
    floor: (at) => at.setHours(0, 0, 0, 0),
    next: (at) => at.setDate(at.getDate() + 1),
    told: (at) => at.toLocaleDateString([], WEEKDAY),
  },
};

export function localised(root) {
  for (const time of root.querySelectorAll("time.local")) {
    time.textContent = new Date(time.dateTime).toLocaleString([], MOMENT);
  }
  for (const axis of root.querySelectorAll("g.times")) {
    const [from, until] = [Date.parse(axis.dataset.begin), Date.parse(axis.dataset.end)];
    axis.replaceChildren(...marks(from, until, ROUNDS[axis.dataset.span]));
    for (const place of axis.parentElement.querySelectorAll(".places rect")) {
      named(place, from + (until - from) * (parseFloat(place.getAttribute("x")) / 100));
    }
  }
}

// A bucket lies where it begins. In per cent half a minute of a week is lost; the shortest bucket
// is of two minutes.
function named(place, time) {
  const begin = new Date(Math.round(time / 120000) * 120000).toLocaleString([], MOMENT);
  const title = place.querySelector("title");
  title.textContent = `${begin}: ${title.textContent}`;
}

function marks(from, until, round) {
  const at = new Date(from);
  const made = [];
  for (round.floor(at); at.getTime() < until; round.next(at)) {
    if (at.getTime() < from) continue;
    const x = `${(100 * (at.getTime() - from)) / (until - from)}%`;
    made.push(drawn("line", { x1: x, x2: x, y1: 148, y2: 153 }));
    made.push(drawn("text", { x, y: 166, "text-anchor": "middle" }, round.told(at)));
  }
  return made;
}

function drawn(name, attributes, text = "") {
  const made = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  made.textContent = text;
  return made;
}
