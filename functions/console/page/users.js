// The views of all users and of one user.

import { get, remove, segment, withQuery } from "./api.js";
import { placeCall } from "./call_form.js";
import { callsList } from "./calls_list.js";
import { h, icon, patch, say, setAttribute, setText, toast } from "./dom.js";
import { confirmDialog } from "./forms.js";
import { count, when, wholeTime } from "./format.js";
import { noteUser } from "./names.js";
import { Poller } from "./poll.js";
import { empty, failure, loading, offerPages } from "./states.js";
import { editUser } from "./user_form.js";

const PAGE = 25;
const EVERY_MS = 15_000;

function makeRow(user) {
  const name = h("a", { href: `#/users/${segment(user.id)}` });
  const parts = { name, email: h("td", { class: "email" }), number: h("td", { class: "number" }), zone: h("td", { class: "zone" }) };
  const row = h(
    "tr",
    { "data-user": user.id },
    h("td", { class: "whom" }, name),
    parts.email,
    parts.number,
    parts.zone,
    h("td", { class: "time" }, h("time", { datetime: user.created_at, title: wholeTime(user.created_at) }, when(user.created_at))),
  );
  row.addEventListener("click", (event) => {
    if (!event.target.closest("a") && !getSelection().toString()) name.click();
  });
  row.parts = parts;
  return row;
}

function updateRow({ parts }, user) {
  noteUser(user);
  setText(parts.name, user.name);
  setText(parts.email, user.email);
  setText(parts.number, user.phone_number);
  setText(parts.zone, user.time_zone ?? "");
}

export function usersView(main, { query, head, go }) {
  const email = query.get("email") ?? "";
  const before = [];
  let cursor = null;
  let next = null;
  let shownPage;
  const rows = new Map();
  const body = h("tbody");
  const table = h(
    "table",
    { class: "users", hidden: true },
    h("caption", { class: "unseen" }, "Users, newest first"),
    h("thead", {}, h("tr", {}, ["Name", "E-mail address", "Number", "Time zone"].map((title) => h("th", { scope: "col" }, title)), h("th", { scope: "col", class: "time" }, "Created"))),
    body,
  );
  const state = h("div", { class: "state" }, loading("users"));
  const newer = h("button", { class: "button", type: "button" }, icon("back"), "Newer");
  const older = h("button", { class: "button", type: "button" }, "Older", icon("forth"));
  const where = h("span", { class: "where" });
  const pages = h("nav", { class: "pages", "aria-label": "Pages of users", hidden: true }, where, newer, older);
  const search = h("input", { id: "user-search", type: "search", value: email, placeholder: "name@example.com", autocomplete: "off", spellcheck: "false" });
  const filter = h(
    "form",
    { class: "filter", role: "search", "aria-label": "Find a user" },
    h("div", { class: "grow" }, h("label", { for: "user-search" }, "E-mail address"), search),
    h("button", { class: "button", type: "submit" }, "Find"),
    email && h("a", { class: "button quiet", href: "#/users" }, "Clear"),
  );
  filter.addEventListener("submit", (event) => {
    event.preventDefault();
    go(withQuery("/users", { email: search.value.trim() }));
  });
  const create = h("button", { class: "button primary", type: "button", "data-needs": "users:write" }, icon("plus"), "New user");
  create.addEventListener("click", () => editUser(null, (user) => go(`/users/${segment(user.id)}`)));
  main.append(head("Users", create), filter, h("section", { "aria-label": "Users" }, table, state, pages));

  const move = (change) => {
    change();
    setAttribute(table, "aria-busy", "true");
    newer.disabled = older.disabled = true;
    poller.now();
  };
  newer.addEventListener("click", () => move(() => (cursor = before.pop() ?? null)));
  older.addEventListener("click", () =>
    move(() => {
      before.push(cursor);
      cursor = next;
    }),
  );
  const poller = new Poller({
    load: async (signal) => {
      const requested = cursor;
      const { users, next_cursor, total } = await get(withQuery("/users", { page_size: PAGE, cursor: requested, email }), signal);
      if (requested !== cursor) {
        poller.now();
        return;
      }
      next = next_cursor ?? null;
      patch(body, rows, users, (user) => user.id, makeRow, updateRow);
      table.hidden = users.length === 0;
      table.removeAttribute("aria-busy");
      state.replaceChildren();
      if (users.length === 0) {
        state.append(email ? empty("No user has this address", email) : empty("No users yet", "Create the first one with the button above or with POST /users."));
      }
      offerPages({ newer, older, pages }, before.length > 0, next !== null);
      setText(where, `Page ${before.length + 1}${total ? ` · ${count(total)} users` : ""}`);
      if (shownPage !== undefined && shownPage !== requested) say(`Page ${before.length + 1}`);
      shownPage = requested;
    },
    every: () => EVERY_MS,
    failed: (problem) => {
      table.removeAttribute("aria-busy");
      if (problem.isAway && shownPage !== undefined) return;
      table.hidden = true;
      pages.hidden = true;
      state.replaceChildren(failure(problem));
    },
  });
  return () => poller.stop();
}

export function userView(main, { id, head, go }) {
  const path = `/users/${segment(id)}`;
  let user = null;
  let stopCalls = () => {};
  const call = h("button", { class: "button primary", type: "button", "data-needs": "calls:write", onclick: () => placeCall(user) }, icon("plus"), "New call");
  const edit = h("button", { class: "button", type: "button", "data-needs": "users:write", onclick: () => editUser(user, (saved) => show(saved)) }, "Edit");
  const erase = h("button", { class: "button danger quiet", type: "button", "data-needs": "users:write" }, "Delete");
  erase.addEventListener("click", () =>
    confirmDialog({
      title: `Delete ${user.name}?`,
      body: "This cannot be undone. A user with calls cannot be deleted.",
      action: "Delete user",
      act: async () => {
        await remove(path);
        toast(`${user.name} was deleted`);
        go("/users");
      },
    }),
  );
  const heading = head("User", erase, edit, call);
  const actions = heading.querySelector(".actions");
  actions.hidden = true;
  const state = h("div", { class: "state" }, loading("the user"));
  const details = h("section", { class: "card", hidden: true });
  const list = h("section", { "aria-label": "Calls", hidden: true });
  main.append(h("a", { class: "up", href: "#/users" }, icon("back"), "Users"), heading, state, details, list);

  const show = (latest) => {
    noteUser(latest);
    const isFirst = user === null;
    const isNew = JSON.stringify(latest) !== JSON.stringify(user);
    user = latest;
    if (isNew) {
      setText(heading.querySelector("h1"), user.name);
      const rows = [
        ["E-mail address", user.email],
        ["Number", h("span", { class: "number" }, user.phone_number)],
        ["Time zone", user.time_zone ?? "not set"],
        ["Created", h("time", { datetime: user.created_at, title: wholeTime(user.created_at) }, when(user.created_at))],
        ["Created by", user.created_by && `key “${user.created_by}”`],
        ["Id", h("code", {}, user.id)],
      ];
      details.replaceChildren(
        h("h2", {}, "Details"),
        h("dl", { class: "facts" }, rows.filter(([, value]) => value).map(([name, value]) => h("div", {}, h("dt", {}, name), h("dd", {}, value)))),
      );
    }
    if (!isFirst) return;
    actions.hidden = false;
    state.remove();
    details.hidden = false;
    list.hidden = false;
    const calls = h("div");
    list.replaceChildren(h("h2", { class: "apart" }, "Calls"), calls);
    stopCalls = callsList(calls, {
      path: `${path}/calls`,
      query: {},
      withUser: false,
      whenEmpty: () => empty("No calls yet", "This user has no calls."),
    });
  };
  const poller = new Poller({
    load: async (signal) => show(await get(path, signal)),
    every: () => EVERY_MS,
    failed: (problem) => {
      if (problem.isAway && user) return;
      stopCalls();
      user = null;
      for (const element of [actions, details, list]) element.hidden = true;
      heading.after(state);
      state.replaceChildren(failure(problem));
    },
  });
  return () => {
    poller.stop();
    stopCalls();
  };
}
