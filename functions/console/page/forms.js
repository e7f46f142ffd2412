// Forms whose faults are the API's: each at its field, the rest above the buttons.

import { Problem } from "./api.js";
import { h, setAttribute } from "./dom.js";
import { wholeTime } from "./format.js";

let ids = 0;

/** A label, a control, a hint, and room for what is wrong with it. */
export function field({ name, label, control, hint, optional }) {
  ids += 1;
  const id = `field-${ids}`;
  control.id = id;
  control.name = name;
  const fault = h("p", { class: "fault", id: `${id}-fault`, hidden: true });
  const help = hint && h("p", { class: "hint", id: `${id}-hint` }, hint);
  if (help) control.setAttribute("aria-describedby", help.id);
  const isCheck = control.type === "checkbox";
  const title = h("label", { for: id }, label, optional && h("span", { class: "optional" }, "optional"));
  const element = h(
    "div",
    { class: isCheck ? "field check" : "field", "data-field": name },
    isCheck ? [control, title] : [title, control],
    help,
    fault,
  );
  return {
    name,
    element,
    control,
    tell(message) {
      fault.textContent = message ?? "";
      fault.hidden = !message;
      setAttribute(control, "aria-invalid", message ? "true" : null);
      const described = [help?.id, message && fault.id].filter(Boolean).join(" ");
      setAttribute(control, "aria-describedby", described || null);
    },
  };
}

/** What a refusal says that belongs to no field. */
export function summary() {
  const element = h("div", { class: "summary", role: "alert", hidden: true });
  return {
    element,
    clear() {
      element.hidden = true;
      element.replaceChildren();
    },
    tell(problem, unplaced = problem.errors ?? []) {
      element.replaceChildren(h("p", {}, problem.message));
      if (unplaced.length > 0) {
        element.append(
          h("ul", {}, unplaced.map((one) => h("li", {}, h("code", {}, one.field), ` ${one.message}`))),
        );
      }
      if (problem.twilioCode) element.append(twilioWords(problem.twilioCode, problem.twilioMessage));
      if (problem.nextAllowedAt) element.append(h("p", {}, `Allowed again from ${wholeTime(problem.nextAllowedAt)}.`));
      element.hidden = false;
    },
  };
}

/** Twilio's code with its page about it. */
export function twilioWords(code, message) {
  return h(
    "p",
    {},
    message ? `Twilio: ${message} ` : "",
    h(
      "a",
      {
        href: `https://www.twilio.com/docs/api/errors/${encodeURIComponent(code)}`,
        target: "_blank",
        rel: "noopener noreferrer",
      },
      `Error ${code} at Twilio`,
    ),
  );
}

/**
 * A form in a dialog. `send()` asks the API; it may throw a `Problem`. The dialog closes when it has been answered, and
 * `done` gets the answer. `body` is what the form shows, where that is more than its fields.
 */
export function formDialog({ title, fields, body = fields.map((one) => one.element), action, send, done }) {
  const faults = summary();
  const submit = h("button", { class: "button primary", type: "submit" }, action);
  const close = h("button", { class: "button", type: "button", onclick: () => dialog.close() }, "Cancel");
  const heading = h("h2", { id: "dialog-title" }, title);
  const form = h(
    "form",
    { novalidate: true, autocomplete: "off" },
    body,
    faults.element,
    h("div", { class: "buttons" }, close, submit),
  );
  const dialog = h("dialog", { class: "panel", "aria-labelledby": "dialog-title" }, heading, form);

  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    if (submit.disabled) return;
    submit.disabled = true;
    submit.setAttribute("aria-busy", "true");
    faults.clear();
    fields.forEach((one) => one.tell(null));
    try {
      const answer = await send();
      dialog.close();
      done(answer);
    } catch (problem) {
      if (!(problem instanceof Problem)) throw problem;
      const unplaced = problem.errors.filter((fault) => {
        const place = fields.find((one) => one.name === fault.field || fault.field.startsWith(`${one.name}.`));
        place?.tell(fault.field === place.name ? fault.message : `${fault.field}: ${fault.message}`);
        return !place;
      });
      const all = problem.errors.length > 0 && unplaced.length === 0;
      if (!all || problem.code !== "validation_failed") faults.tell(problem, unplaced);
      form.querySelector("[aria-invalid]")?.focus();
      submit.textContent = problem.isOpen ? "Try again" : action;
    } finally {
      submit.disabled = false;
      submit.removeAttribute("aria-busy");
    }
  });
  dialog.addEventListener("close", () => dialog.remove());
  document.body.append(dialog);
  dialog.showModal();
  fields[0].control.focus();
  return dialog;
}

/** Asks before something is done that cannot be undone. `act` does it; a refusal is shown here. */
export function confirmDialog({ title, body, action, act }) {
  const faults = summary();
  const yes = h("button", { class: "button danger", type: "button" }, action);
  const no = h("button", { class: "button", type: "button", onclick: () => dialog.close() }, "Cancel");
  const dialog = h(
    "dialog",
    { class: "panel small", role: "alertdialog", "aria-labelledby": "dialog-title", "aria-describedby": "dialog-body" },
    h("h2", { id: "dialog-title" }, title),
    h("p", { id: "dialog-body" }, body),
    faults.element,
    h("div", { class: "buttons" }, no, yes),
  );
  yes.addEventListener("click", async () => {
    yes.disabled = true;
    faults.clear();
    try {
      await act();
      dialog.close();
    } catch (problem) {
      if (!(problem instanceof Problem)) throw problem;
      faults.tell(problem);
      yes.disabled = false;
    }
  });
  dialog.addEventListener("close", () => dialog.remove());
  document.body.append(dialog);
  dialog.showModal();
  no.focus();
}

/**
 * The idempotency key of what is being sent. It stays while it is open whether the service has carried the request out,
 * and is another after each answer that settles that.
 */
export function onceKey() {
  let key = null;
  return async (request) => {
    key ??= crypto.randomUUID();
    try {
      const answer = await request(key);
      key = null;
      return answer;
    } catch (problem) {
      if (!problem.isOpen) key = null;
      throw problem;
    }
  };
}
