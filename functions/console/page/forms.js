// Forms that show the API's errors: each at its field, the others above the buttons.

import { Problem } from "./api.js";
import { h, setAttribute } from "./dom.js";
import { wholeTime } from "./format.js";

let ids = 0;

/** Creates a field: a label, a control, a hint and a place for its error. */
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
    show(message) {
      fault.textContent = message ?? "";
      fault.hidden = !message;
      setAttribute(control, "aria-invalid", message ? "true" : null);
      const described = [help?.id, message && fault.id].filter(Boolean).join(" ");
      setAttribute(control, "aria-describedby", described || null);
    },
  };
}

/** Creates a field of several controls. Its error is announced with the first one, `control`. */
export function groupField({ name, label, control, content }) {
  ids += 1;
  const fault = h("p", { class: "fault", id: `field-${ids}-fault`, hidden: true });
  const element = h("fieldset", { class: "field", "data-field": name }, h("legend", {}, label), content, fault);
  return {
    name,
    element,
    control,
    show(message) {
      fault.textContent = message ?? "";
      fault.hidden = !message;
      setAttribute(control, "aria-invalid", message ? "true" : null);
      setAttribute(control, "aria-describedby", message ? fault.id : null);
    },
  };
}

/** A problem with one field that the page finds itself. */
export function fieldProblem(name, message) {
  return new Problem(422, { code: "validation_failed", errors: [{ field: name, message }] });
}

/** Creates the place for errors that belong to no field. */
export function summary() {
  const element = h("div", { class: "summary", role: "alert", hidden: true });
  return {
    element,
    clear() {
      element.hidden = true;
      element.replaceChildren();
    },
    show(problem, unplaced = problem.errors ?? []) {
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

/** Links to Twilio's page about an error code. */
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

/** Finds the field of an error: the one with the longest path that the error's path begins with. */
function placeOf(fault, fields) {
  const isAt = ({ name }) => name === fault.field || fault.field.startsWith(`${name}.`) || fault.field.startsWith(`${name}[`);
  return fields.filter(isAt).reduce((best, one) => (best && best.name.length >= one.name.length ? best : one), undefined);
}

/**
 * Opens a form in a dialog. `send()` calls the API and can throw a `Problem`. After a success, the dialog closes and
 * `done` gets the response. `body` is the content of the form, by default its fields. A field with `inner()` contains others.
 */
export function formDialog({ title, fields, body = fields.map((one) => one.element), action, send, done }) {
  const all = () => fields.flatMap((one) => [one, ...(one.inner?.() ?? [])]);
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
    all().forEach((one) => one.show(null));
    try {
      const response = await send();
      dialog.close();
      done(response);
    } catch (problem) {
      if (!(problem instanceof Problem)) throw problem;
      const unplaced = problem.errors.filter((fault) => {
        const place = placeOf(fault, all());
        place?.show(fault.field === place.name ? fault.message : `${fault.field}: ${fault.message}`);
        return !place;
      });
      const areAllPlaced = problem.errors.length > 0 && unplaced.length === 0;
      if (!areAllPlaced || problem.code !== "validation_failed") faults.show(problem, unplaced);
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

/**
 * Asks for confirmation, then calls `act`. Shows the error if `act` fails. `dismiss` labels the button that does nothing,
 * `kind` is the style of the other one.
 */
export function confirmDialog({ title, body, action, act, dismiss = "Cancel", kind = "danger" }) {
  const faults = summary();
  const yes = h("button", { class: `button ${kind}`, type: "button" }, action);
  const no = h("button", { class: "button", type: "button", onclick: () => dialog.close() }, dismiss);
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
      faults.show(problem);
      yes.disabled = false;
    }
  });
  dialog.addEventListener("close", () => dialog.remove());
  document.body.append(dialog);
  dialog.showModal();
  no.focus();
}

/**
 * Manages the idempotency key of a form. Retries of a request whose outcome is unknown keep the key. After any other
 * response, the next request gets a new key.
 */
export function onceKey() {
  let key = null;
  return async (request) => {
    key ??= crypto.randomUUID();
    try {
      const response = await request(key);
      key = null;
      return response;
    } catch (problem) {
      if (!problem.isOpen) key = null;
      throw problem;
    }
  };
}
