// The view of all calls, and its filter.

import { get, segment, withQuery } from "./api.js";
import { callsList } from "./calls_list.js";
import { h, icon, setText } from "./dom.js";
import { STATUSES, statusWord } from "./format.js";
import { noteUser, withName } from "./names.js";
import { OWN_RESULTS, resultWord } from "./results.js";
import { empty } from "./states.js";

/** The view of all calls. `query` is the filter from the URL. */
export function callsView(main, { query, head, go }) {
  const status = h(
    "select",
    { id: "status-filter" },
    h("option", { value: "" }, "Any status"),
    STATUSES.map((one) => h("option", { value: one }, statusWord(one))),
  );
  status.value = STATUSES.includes(query.get("status")) ? query.get("status") : "";
  const outcomes = h("datalist", { id: "results" }, OWN_RESULTS.map((one) => h("option", { value: one }, resultWord(one))));
  const result = h("input", {
    id: "result-filter",
    type: "search",
    list: outcomes.id,
    placeholder: "Any result",
    pattern: "[a-z][a-z0-9_]{0,31}",
    title: "A result or an outcome: lower-case letters, digits and underscores",
    autocomplete: "off",
    spellcheck: "false",
  });
  result.value = query.get("result") ?? "";
  const user = h("input", {
    id: "user-filter",
    type: "search",
    placeholder: "E-mail address or id",
    autocomplete: "off",
    spellcheck: "false",
    "aria-describedby": "filter-fault",
  });
  const fault = h("p", { class: "fault", id: "filter-fault", role: "alert", hidden: true });
  const userId = query.get("user") ?? "";
  user.value = userId;
  const chosen = h("span", { class: "chosen" });
  if (userId) withName(userId, (name) => setText(chosen, name));

  const batch = query.get("batch") ?? "";
  const move = (parameters) => go(withQuery("/calls", { status: status.value, result: result.value.trim(), user: userId, batch, ...parameters }));
  status.addEventListener("change", () => move({ status: status.value }));
  const isFiltered = Boolean(userId || status.value || result.value || batch);
  const filter = h(
    "form",
    { class: "filter", role: "search", "aria-label": "Filter calls" },
    h("div", {}, h("label", { for: "status-filter" }, "Status"), status),
    h("div", {}, h("label", { for: "result-filter" }, "Result"), result, outcomes),
    h("div", { class: "grow" }, h("label", { for: "user-filter" }, "User", chosen), user),
    h("button", { class: "button", type: "submit" }, "Filter"),
    batch && h("a", { class: "button quiet", href: `#/batches/${segment(batch)}` }, "Calls of one batch"),
    isFiltered && h("a", { class: "button quiet", href: "#/calls" }, "Clear"),
  );
  filter.addEventListener("submit", async (event) => {
    event.preventDefault();
    const written = user.value.trim();
    fault.hidden = true;
    if (!written.includes("@")) {
      move({ user: written });
      return;
    }
    try {
      const { users } = await get(withQuery("/users", { email: written }));
      if (users.length > 0) {
        noteUser(users[0]);
        move({ user: users[0].id });
        return;
      }
      setText(fault, "No user has this address.");
    } catch (problem) {
      setText(fault, problem.message);
    }
    fault.hidden = false;
  });
  const list = h("section", { "aria-label": "Calls" });
  main.append(head("Calls", h("button", { class: "button primary", type: "button", "data-needs": "calls:write", onclick: () => go("new-call") }, icon("plus"), "New call")), filter, fault, list);
  return callsList(list, {
    path: "/calls",
    query: { status: status.value, result: result.value, user_id: userId, batch_id: batch },
    withUser: true,
    whenEmpty: () =>
      isFiltered
        ? empty("No calls match", "No call matches the filter. Clear it to see all calls.")
        : empty("No calls yet", "Calls from the API or the button above appear here."),
  });
}
