// The frame of the page: signing in, navigation, and the banner for outages.

import { learnScopes } from "./access.js";
import { events, get, setKey, withQuery } from "./api.js";
import { batchView } from "./batch.js";
import { batchesView } from "./batches.js";
import { callView } from "./call.js";
import { placeCall } from "./call_form.js";
import { callsView } from "./calls.js";
import { h, icon, say, setAttribute, setText } from "./dom.js";
import { forgetNames } from "./names.js";
import { overviewView } from "./overview.js";
import { pollNow } from "./poll.js";
import { userView, usersView } from "./users.js";

const app = document.getElementById("app");

const VIEWS = [
  [/^\/overview$/, "overview", overviewView],
  [/^\/calls$/, "calls", callsView],
  [/^\/calls\/([^/]+)$/, "calls", callView],
  [/^\/batches$/, "batches", batchesView],
  [/^\/batches\/([^/]+)$/, "batches", batchView],
  [/^\/users$/, "users", usersView],
  [/^\/users\/([^/]+)$/, "users", userView],
];
const HOME = "/calls";

let frame = null;
let stop = () => {};
let keepFocus = null;

function go(path, options = {}) {
  if (path === "new-call") {
    placeCall();
    return;
  }
  keepFocus = options.keepFocus ?? null;
  if (location.hash === `#${path}`) show();
  else location.hash = `#${path}`;
}

/** The heading of a view, with its actions. */
function head(title, ...actions) {
  return h("header", { class: "head" }, h("h1", { tabindex: "-1" }, title), h("div", { class: "actions" }, actions));
}

function show() {
  if (!frame) return;
  const [path, parameters] = location.hash.slice(1).split("?");
  const found = VIEWS.find(([pattern]) => pattern.test(path));
  if (!found) {
    location.replace(`#${HOME}`);
    return;
  }
  const [pattern, name, view] = found;
  document.querySelectorAll("dialog[open]").forEach((dialog) => dialog.close());
  stop();
  stop = () => {};
  const main = frame.main;
  main.replaceChildren();
  const [, id] = pattern.exec(path);
  let decoded = id;
  try {
    decoded = id && decodeURIComponent(id);
  } catch {
    // An invalid percent encoding is used as it is.
  }
  stop = view(main, { id: decoded, query: new URLSearchParams(parameters), head, go });
  for (const link of frame.links) setAttribute(link, "aria-current", link.dataset.view === name ? "page" : null);
  const heading = main.querySelector("h1");
  document.title = `${heading.textContent} – outdial console`;
  scrollTo(0, 0);
  const place = keepFocus && document.getElementById(keepFocus);
  (place ?? heading).focus({ preventScroll: true });
  keepFocus = null;
}

function isDark() {
  const { theme } = document.documentElement.dataset;
  return theme ? theme === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
}

function themeButton() {
  const button = h("button", { class: "button quiet icon-only", type: "button" });
  const update = () => {
    button.replaceChildren(icon(isDark() ? "sun" : "moon"), h("span", {}, isDark() ? "Light theme" : "Dark theme"));
  };
  button.addEventListener("click", () => {
    const theme = isDark() ? "light" : "dark";
    document.documentElement.dataset.theme = theme;
    try {
      localStorage.setItem("outdial-theme", theme);
    } catch {
      // Without storage, the theme lasts until the page is closed.
    }
    update();
    dispatchEvent(new Event("outdial-theme"));
  });
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", update);
  update();
  return button;
}

function logo() {
  return h("a", { class: "logo", href: `#${HOME}` }, h("span", { class: "mark", "aria-hidden": "true" }), "outdial");
}

function buildFrame() {
  const links = [
    ["overview", "Overview"],
    ["calls", "Calls"],
    ["batches", "Batches"],
    ["users", "Users"],
  ].map(([name, label]) => h("a", { href: `#/${name}`, "data-view": name }, icon(name), label));
  const main = h("main", { id: "main", tabindex: "-1" });
  const skip = h("a", { class: "skip", href: "#main" }, "Skip to content");
  // A normal link would replace the hash, which names the view.
  skip.addEventListener("click", (event) => {
    event.preventDefault();
    main.focus();
    main.scrollIntoView();
  });
  const leave = h("button", { class: "button quiet icon-only", type: "button" }, icon("leave"), h("span", {}, "Sign out"));
  leave.addEventListener("click", () => askForKey());
  const banner = h("div", { class: "banner", role: "alert", hidden: true });
  app.replaceChildren(
    skip,
    h(
      "div",
      { class: "frame" },
      h("header", { class: "side" }, logo(), h("nav", { "aria-label": "Console" }, links), h("div", { class: "foot" }, themeButton(), leave)),
      h("div", { class: "content" }, banner, main),
    ),
  );
  return { main, links, banner };
}

/** Shows the form for the API key. `problem` says why the last key was refused. */
function askForKey(problem = null) {
  setKey("");
  forgetNames();
  stop();
  stop = () => {};
  frame = null;
  document.querySelectorAll("dialog, .toast").forEach((element) => element.remove());
  document.title = "outdial console";
  const input = h("input", {
    id: "key",
    type: "password",
    autocomplete: "off",
    autocapitalize: "off",
    spellcheck: "false",
    "aria-describedby": "key-hint key-fault",
  });
  const fault = h("p", { class: "fault", id: "key-fault", role: "alert" });
  const enter = h("button", { class: "button primary wide", type: "submit" }, "Continue");
  const form = h(
    "form",
    { class: "gate", novalidate: true, autocomplete: "off" },
    h("div", { class: "logo" }, h("span", { class: "mark", "aria-hidden": "true" }), "outdial"),
    h("h1", {}, "Console"),
    h("div", { class: "field" }, h("label", { for: "key" }, "API key"), input, fault),
    enter,
    h("p", { class: "hint", id: "key-hint" }, "The key stays in this page's memory only, so a reload asks for it again. Leave it empty if the API needs no key, as in development."),
  );
  const refuse = (why) => {
    setText(fault, why.message);
    setAttribute(input, "aria-invalid", "true");
    input.focus();
    input.select();
  };
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    if (enter.disabled) return;
    setText(fault, "");
    const key = input.value.trim();
    if (!/^[\x21-\x7e]*$/.test(key)) {
      refuse({ message: "This is not an API key: a key has only visible ASCII characters." });
      return;
    }
    enter.disabled = true;
    setKey(key);
    try {
      // This is the first request of the calls view.
      await get(withQuery("/calls", { page_size: 25 }));
    } catch (why) {
      // A key without the scope for calls is still valid.
      if (why.status !== 403) {
        setKey("");
        refuse(why);
        return;
      }
    } finally {
      enter.disabled = false;
    }
    learnScopes();
    frame = buildFrame();
    say("Signed in");
    show();
  });
  app.replaceChildren(h("main", { class: "gate-frame" }, form, h("div", { class: "gate-foot" }, themeButton())));
  if (problem) refuse(problem);
  else input.focus();
}

events.addEventListener("unauthorized", ({ detail }) => {
  if (frame) askForKey(detail);
});
events.addEventListener("away", ({ detail }) => {
  if (!frame) return;
  const { banner } = frame;
  if (banner.hidden) {
    const retry = h("button", { class: "button", type: "button", onclick: pollNow }, "Retry now");
    banner.replaceChildren(icon("warning"), h("p", {}, h("b", {}), " ", h("span", {}, "The data may be out of date. Retrying automatically.")), retry);
    banner.hidden = false;
  }
  setText(banner.querySelector("b"), detail.message);
});
events.addEventListener("back", () => {
  if (!frame || frame.banner.hidden) return;
  frame.banner.hidden = true;
  say("The service is available again");
});
addEventListener("hashchange", show);

askForKey();
