// The fields of a question: its words, the keys that answer it, and what follows them.

import { choice, section, text } from "./controls.js";
import { h, icon, say } from "./dom.js";
import { field } from "./forms.js";
import { thenFields } from "./step_then.js";
import { wordsFields } from "./step_words.js";

const KEYS = ["1", "2", "3", "4", "5", "6", "7", "8", "9", "0"];
const TRIES = { 1: "once", 2: "up to twice", 3: "up to three times" };

/** The fields of one key. */
function optionFields(first, remove, changed) {
  const key = field({ name: "", label: "Key", control: choice(KEYS.map((key) => [key, key])) });
  key.control.value = first;
  key.control.addEventListener("change", changed);
  const then = thenFields("the key", { ofKey: true });
  const drop = h("button", { class: "button quiet icon-only", type: "button", "aria-label": "Remove this key", title: "Remove" }, icon("close"));
  drop.addEventListener("click", remove);
  const element = h("fieldset", { class: "option" }, h("legend", { class: "unseen" }, "A key"), h("div", { class: "option-key" }, key.element, drop), then.element);
  return { element, key: key.control, keyField: key, drop, then };
}

export function askFields(id) {
  const words = wordsFields("Ask", { audio: true });
  const name = field({
    name: "",
    label: "Name of the question",
    control: text({ value: id, autocapitalize: "none" }),
    hint: "The answers of the call have it. Small letters, digits and underscores.",
  });
  const kind = field({
    name: "",
    label: "The answer is",
    control: choice([
      ["options", "one of these keys"],
      ["digits", "a number"],
    ]),
  });
  const most = field({
    name: "",
    label: "Digits",
    control: text({ type: "number", min: 1, max: 20, value: 4, inputmode: "numeric" }),
    hint: "At most. # ends a shorter number.",
  });
  const list = h("div", { class: "options" });
  const add = h("button", { class: "button quiet", type: "button" }, icon("plus"), "Add a key");
  const options = [];
  const tries = field({ name: "", label: "Ask", control: choice(Object.entries(TRIES)) });
  tries.control.value = "3";
  const timeout = field({
    name: "",
    label: "Wait for a key, in seconds",
    control: text({ type: "number", min: 3, max: 15, value: 5, inputmode: "numeric" }),
  });
  const silence = thenFields("silence");
  const more = section(
    "Tries, waiting time, no answer",
    h("div", { class: "pair" }, tries.element, timeout.element),
    h("fieldset", { class: "option" }, h("legend", {}, "Without an answer"), silence.element),
  );
  let targets = [];
  const update = () => {
    const used = new Set(options.map((one) => one.key.value));
    for (const one of options) {
      for (const choice of one.key.options) choice.disabled = choice.value !== one.key.value && used.has(choice.value);
      one.drop.hidden = options.length === 1;
      one.drop.setAttribute("aria-label", `Remove key ${one.key.value}`);
      one.element.firstElementChild.textContent = `Key ${one.key.value}`;
    }
    add.hidden = options.length === KEYS.length;
  };
  const append = () => {
    const used = new Set(options.map((one) => one.key.value));
    const one = optionFields(
      KEYS.find((key) => !used.has(key)),
      () => {
        options.splice(options.indexOf(one), 1);
        one.element.remove();
        update();
        say("Key removed");
        add.focus();
      },
      update,
    );
    one.then.targets(targets);
    options.push(one);
    list.append(one.element);
    update();
    return one;
  };
  append();
  add.addEventListener("click", () => append().key.focus());
  const show = () => {
    const isNumber = kind.control.value === "digits";
    list.hidden = isNumber;
    add.hidden = isNumber || options.length === KEYS.length;
    most.element.hidden = !isNumber;
  };
  kind.control.addEventListener("change", show);
  show();

  return {
    element: h(
      "div",
      { class: "group" },
      words.element,
      h("div", { class: "pair" }, name.element, h("div", { class: "group" }, kind.element, most.element)),
      list,
      add,
      more,
    ),
    focus: words.focus,
    id: () => name.control.value.trim(),
    targets(list) {
      targets = list;
      for (const one of [...options.map((option) => option.then), silence]) one.targets(list);
    },
    /** The steps that an option or silence leads to. */
    chosen: () => [...options.map((one) => one.then), silence].map((then) => then.target()),
    named: (path) => [
      [`${path}.id`, name],
      [`${path}.max_digits`, most],
      [`${path}.tries`, tries],
      [`${path}.timeout_seconds`, timeout],
      ...silence.named(`${path}.no_input`),
      ...options.flatMap((one) => [
        ...one.then.named(`${path}.options.${one.key.value}`),
        [`${path}.options.${one.key.value}`, one.keyField],
      ]),
      [`${path}.options`, kind],
      ...words.named(`${path}.ask`),
      [path, kind],
    ],
    read(idOf) {
      const step = { id: this.id(), ask: words.read(), tries: Number(tries.control.value), timeout_seconds: Number(timeout.control.value) };
      if (kind.control.value === "digits") step.max_digits = Number(most.control.value);
      else step.options = Object.fromEntries(options.map((one) => [one.key.value, one.then.read(idOf)]));
      const then = silence.read(idOf);
      if (Object.keys(then).length > 0) step.no_input = then;
      return step;
    },
  };
}
