// The builder of a call's steps: a list of steps that can be added, moved and removed.

import { h, icon, say, setText } from "./dom.js";
import { askFields } from "./step_ask.js";
import { transferFields } from "./step_transfer.js";
import { wordsFields } from "./step_words.js";

const MOST = 20;
const KINDS = { say: "Say", ask: "Ask", transfer: "Transfer", hang_up: "Hang up" };
/** The beginning of the ids of steps that need one. */
const IDS = { ask: "question", transfer: "transfer" };

function sayFields() {
  const words = wordsFields("Say", { audio: true });
  return {
    element: words.element,
    focus: words.focus,
    named: (path) => [...words.named(`${path}.say`), [path, words.first()]],
    read: () => ({ say: words.read() }),
  };
}

function hangUpFields() {
  return { element: h("p", { class: "hint" }, "The call ends here."), named: () => [], read: () => ({ hang_up: true }) };
}

const MAKE = { say: sayFields, ask: askFields, transfer: transferFields, hang_up: hangUpFields };

/**
 * Creates the builder: one field of a form that has `inner()`, the fields of its steps, named by the paths of their errors.
 * `read()` returns the steps.
 */
export function stepsFields() {
  const list = h("ol", { class: "steps" });
  const fault = h("p", { class: "fault", id: "steps-fault", hidden: true });
  const add = Object.entries(KINDS).map(([kind, word]) =>
    h("button", { class: "button", type: "button", onclick: () => append(kind).focus() }, icon("plus"), word),
  );
  const element = h(
    "fieldset",
    { class: "field steps-field", "data-field": "steps" },
    h("legend", {}, "Steps"),
    list,
    fault,
    h("div", { class: "adders", role: "group", "aria-label": "Add a step" }, add),
  );
  const steps = [];

  /** A question has its own id, and another step gets one if an option leads to it. */
  const idOf = (step) => step.fields.id?.() ?? `step_${steps.indexOf(step) + 1}`;
  const title = (step) => `step ${steps.indexOf(step) + 1}: ${KINDS[step.kind].toLowerCase()}`;
  const update = () => {
    steps.forEach((step, at) => {
      setText(step.title, `${at + 1}. ${KINDS[step.kind]}`);
      step.up.disabled = at === 0;
      step.down.disabled = at === steps.length - 1;
      for (const [button, verb] of [[step.up, "Move up"], [step.down, "Move down"], [step.drop, "Remove"]]) {
        button.setAttribute("aria-label", `${verb}: ${title(step)}`);
      }
      step.fields.targets?.(steps.slice(at + 1).map((later) => [later, title(later)]));
    });
    for (const button of add) button.disabled = steps.length >= MOST;
  };
  const move = (step, by, button) => {
    const at = steps.indexOf(step);
    steps.splice(at, 1);
    steps.splice(at + by, 0, step);
    if (by < 0) list.insertBefore(step.element, step.element.previousElementSibling);
    else list.insertBefore(step.element.nextElementSibling, step.element);
    update();
    say(`Moved to place ${at + by + 1}`);
    (button.disabled ? step.drop : button).focus();
  };
  const remove = (step) => {
    const at = steps.indexOf(step);
    steps.splice(at, 1);
    step.element.remove();
    update();
    say("Step removed");
    (steps[at] ?? steps[at - 1])?.drop.focus();
    if (steps.length === 0) add[0].focus();
  };
  const newId = (start) => {
    const used = new Set(steps.map((step) => step.fields.id?.()));
    for (let number = 1; ; number += 1) if (!used.has(`${start}_${number}`)) return `${start}_${number}`;
  };
  const tool = (name, act) => h("button", { class: "button quiet icon-only", type: "button", onclick: act }, icon(name));
  const append = (kind) => {
    const fields = MAKE[kind](newId(IDS[kind]));
    const heading = h("legend", {});
    const step = {
      kind,
      fields,
      title: heading,
      up: tool("up", () => move(step, -1, step.up)),
      down: tool("down", () => move(step, 1, step.down)),
      drop: tool("close", () => remove(step)),
      focus: () => (fields.focus ?? (() => step.drop.focus()))(),
    };
    step.element = h(
      "li",
      {},
      h("fieldset", { class: `step ${kind}` }, heading, h("div", { class: "tools" }, step.up, step.down, step.drop), fields.element),
    );
    steps.push(step);
    list.append(step.element);
    update();
    return step;
  };
  append("say");
  append("ask");

  return {
    name: "steps",
    element,
    control: add[0],
    /** The fields of the steps, the most specific paths included. */
    inner: () =>
      steps.flatMap((step, at) =>
        step.fields.named(`steps[${at}]`).map(([name, one]) => ({ name, show: one.show, control: one.control })),
      ),
    show(message) {
      setText(fault, message ?? "");
      fault.hidden = !message;
    },
    read() {
      const wanted = new Set(steps.flatMap((step) => step.fields.chosen?.() ?? []));
      return steps.map((step) => {
        const own = step.fields.read(idOf);
        return wanted.has(step) ? { id: idOf(step), ...own } : own;
      });
    },
  };
}
