// The field that names a user by e-mail address or id.

import { get, withQuery } from "./api.js";
import { text } from "./controls.js";
import { h } from "./dom.js";
import { field } from "./forms.js";

const LISTED = 100;

/**
 * Creates the field. `changed(user)` gets the known user whose address is in the field, or undefined, after each change.
 * `id()` returns the user's id.
 */
export function personField(changed = () => {}) {
  const people = new Map();
  const list = h("datalist", { id: "people" });
  const person = field({
    name: "user_id",
    label: "User",
    control: text({ list: "people", placeholder: "name@example.com" }),
    hint: "The user's e-mail address or id.",
  });
  person.element.append(list);
  const known = () => people.get(person.control.value.trim().toLowerCase());
  const notice = () => changed(known());
  person.control.addEventListener("input", notice);
  get(withQuery("/users", { page_size: LISTED })).then(
    ({ users }) => {
      for (const one of users) {
        people.set(one.email.toLowerCase(), one);
        list.append(h("option", { value: one.email }, one.name));
      }
      notice();
    },
    // Without the scope for users, the person enters the id.
    () => {},
  );
  return {
    ...person,
    known,
    fill(user) {
      people.set(user.email.toLowerCase(), user);
      person.control.value = user.email;
    },
    /** Returns the user's id for an e-mail address. Any other text is an id already. */
    async id() {
      const written = person.control.value.trim();
      if (!written.includes("@")) return written;
      const chosen = people.get(written.toLowerCase());
      if (chosen) return chosen.id;
      const { users } = await get(withQuery("/users", { email: written }));
      return users[0]?.id ?? written;
    },
  };
}
