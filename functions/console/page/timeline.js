// The timeline of a call, as a drawing and as a list.

import { h, svg, setText } from "./dom.js";
import { LIVE, clock, ended as endOf, inWords, length, now, statusWord, took, when, wholeTime } from "./format.js";

const LANE = 30;
const GAP = 8;
const AXIS = 26;
const LABEL = 78;
const STEPS = [0.1, 0.2, 0.5, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600];

/** The source of an event. */
const SOURCES = {
  twilio: "reported by Twilio",
  api: "from Twilio's response to a request",
  reconcile: "reconciled: Twilio has no such call",
  queue: "by the dial queue",
};

/** When a call that waited was dialled, or null if it was dialled at once or not yet. */
function dialled(call) {
  return call.due_at ? call.dial_begun_at : null;
}

/** Returns the phases of a call in milliseconds. The current phase ends now. */
export function phases(call, recordings) {
  const isLive = LIVE.has(call.status);
  const placed = Date.parse(dialled(call) ?? call.created_at);
  const ringing = took(call, "ringing");
  const answered = took(call, "in-progress");
  const ended = endOf(call);
  const last = Math.max(placed, ...call.events.map((event) => Date.parse(event.at)));
  const end = ended ?? (isLive ? Math.max(now(), last) : last);
  // Twilio's clock and ours differ, so the first event may be earlier than the creation.
  const begin = Math.min(placed, ringing ?? placed, answered ?? placed, end);
  const spans = [];
  const add = (lane, name, from, to, open = false) => spans.push({ lane, name, from, to: Math.max(from, to), open });
  // Before that, the call may be in Twilio's queue, or Twilio was never reached.
  const isDialled = took(call, "initiated") || ringing || answered;
  add(0, isDialled ? "Dialling" : "Placing", begin, ringing ?? answered ?? end, isLive && !ringing && !answered);
  if (ringing) add(0, "Ringing", ringing, answered ?? end, isLive && !answered);
  if (answered) add(0, "In call", answered, end, isLive);
  for (const recording of recordings) {
    const from = Date.parse(recording.started_at ?? "") || answered;
    if (!from || recording.status === "absent" || recording.status === "failed") continue;
    const length = recording.duration_seconds;
    const isOpen = isLive && length === null;
    add(1, "Recording", from, isOpen || length === null || length === undefined ? end : from + length * 1000, isOpen);
  }
  const until = Math.max(end, ...spans.map((span) => span.to));
  return { spans, begin, end, ended: Boolean(ended), until: Math.max(until, begin + 1000) };
}

function label(seconds, step) {
  return step < 1 ? `${seconds.toFixed(1)} s` : seconds < 60 ? `${Math.round(seconds)} s` : length(seconds);
}

function draw(width, call, recordings) {
  const { spans, begin, end, ended, until } = phases(call, recordings);
  const lanes = spans.some((span) => span.lane === 1) ? ["Call", "Recording"] : ["Call"];
  const left = width < 480 ? 0 : LABEL;
  const right = 10;
  const height = lanes.length * (LANE + GAP) + AXIS;
  const scale = (width - left - right) / (until - begin);
  const x = (time) => left + (time - begin) * scale;
  const y = (lane) => lane * (LANE + GAP);
  const parts = [];

  const seconds = (until - begin) / 1000;
  const step = STEPS.find((one) => seconds / one <= Math.max(3, (width - left) / 90)) ?? 7200;
  for (let at = 0; at <= seconds + 1e-6; at += step) {
    const place = x(begin + at * 1000);
    parts.push(svg("line", { class: "grid", x1: place, x2: place, y1: 0, y2: height - AXIS + 4 }));
    if (place < width - right - 24 || at === 0) {
      parts.push(svg("text", { class: "tick", x: place, y: height - 6, "text-anchor": at === 0 ? "start" : "middle" }, label(at, step)));
    }
  }
  if (left > 0) lanes.forEach((name, lane) => parts.push(svg("text", { class: "lane", x: 0, y: y(lane) + LANE / 2 + 4 }, name)));
  for (const span of spans) {
    const from = x(span.from);
    const wide = Math.max(2, x(span.to) - from);
    const kind = span.name.toLowerCase().replace(" ", "-");
    const text = `${span.name} ${inWords((span.to - span.from) / 1000)}`;
    const inside = wide > text.length * 6.6 + 16 ? text : wide > span.name.length * 6.8 + 14 ? span.name : "";
    parts.push(
      svg(
        "g",
        { class: `span ${kind}${span.open ? " open" : ""}` },
        svg("title", {}, text),
        svg("rect", { x: from, y: y(span.lane), width: wide, height: LANE, rx: Math.min(5, wide / 2) }),
        inside && svg("text", { x: from + 9, y: y(span.lane) + LANE / 2 + 4 }, inside),
      ),
    );
  }
  if (ended) parts.push(svg("line", { class: `end ${call.status}`, x1: x(end), x2: x(end), y1: -2, y2: height - AXIS + 4 }));
  return { parts, height, spans, ended };
}

/** Creates the drawing and the list. `update(call, recordings)` redraws them. */
export function timeline() {
  const picture = svg("svg", { class: "timeline", role: "img" });
  const list = h("ol", { class: "events" });
  const element = h("div", {}, h("div", { class: "scroller" }, picture), list);
  let shown = null;

  const redraw = () => {
    if (!shown) return;
    // A call that only waited has no phases.
    picture.parentElement.hidden = shown.call.dial_outcome === null && shown.call.twilio_sid === null;
    const width = Math.floor(picture.parentElement.clientWidth);
    if (width === 0) return;
    const { parts, height, spans } = draw(width, shown.call, shown.recordings);
    picture.setAttribute("viewBox", `0 -2 ${width} ${height + 2}`);
    picture.setAttribute("width", width);
    picture.setAttribute("height", height + 2);
    const described = spans.map((span) => `${span.name}: ${inWords((span.to - span.from) / 1000)}${span.open ? " so far" : ""}`);
    picture.setAttribute("aria-label", `Timeline. ${described.join("; ")}. ${statusWord(shown.call.status)}.`);
    picture.replaceChildren(...parts);
  };
  const updateList = () => {
    const { call } = shown;
    const dial = dialled(call);
    const begin = Date.parse(dial ?? call.created_at);
    const items = [
      { status: "placed", at: call.created_at, words: "Placed", source: "stored before the request to Twilio" },
      ...(dial ? [{ status: "dialled", at: dial, words: "Dialled", source: "by the dial queue" }] : []),
      ...call.events,
    ];
    const day = new Date(begin).toDateString();
    items.forEach((event, nth) => {
      // Twilio's times are whole seconds, so an event can seem to precede the creation.
      const offset = Math.max(0, Date.parse(event.at) - begin) / 1000;
      let item = list.children[nth];
      if (!item) {
        item = h("li", {}, h("span", { class: "dot", "aria-hidden": "true" }), h("span", { class: "what" }), h("span", { class: "source" }), h("time", {}), h("span", { class: "offset" }));
        list.append(item);
      }
      item.dataset.status = event.status;
      const [, what, source, time, after] = item.children;
      setText(what, event.words ?? statusWord(event.status));
      const isRequest = event.source === "api" && call.dial_outcome === null;
      setText(source, isRequest ? "requested by a client" : (SOURCES[event.source] ?? event.source));
      setText(time, new Date(event.at).toDateString() === day ? clock(event.at) : when(event.at));
      time.dateTime = event.at;
      time.title = wholeTime(event.at);
      setText(after, nth === 0 || event.words ? "" : `+${offset.toFixed(1)} s`);
    });
    while (list.children.length > items.length) list.lastElementChild.remove();
  };
  const resized = new ResizeObserver(redraw);
  resized.observe(element);
  const ticking = setInterval(() => shown && LIVE.has(shown.call.status) && !document.hidden && redraw(), 250);
  return {
    element,
    update(call, recordings) {
      shown = { call, recordings };
      updateList();
      redraw();
    },
    stop() {
      resized.disconnect();
      clearInterval(ticking);
    },
  };
}
