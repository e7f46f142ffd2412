// The form that creates or changes a user.

import { change, post, segment } from "./api.js";
import { text } from "./controls.js";
import { h, toast } from "./dom.js";
import { field, formDialog, onceKey } from "./forms.js";
import { noteUser } from "./names.js";

/** Opens the form that creates or changes a user. */
export function editUser(user, done) {
  const zones = h("datalist", { id: "zones" });
  for (const zone of Intl.supportedValuesOf("timeZone")) zones.append(h("option", { value: zone }));
  const name = field({ name: "name", label: "Name", control: text({ value: user?.name ?? "" }) });
  const email = field({
    name: "email",
    label: "E-mail address",
    control: text({ type: "email", value: user?.email ?? "", placeholder: "name@example.com" }),
  });
  const number = field({
    name: "phone_number",
    label: "Number",
    control: text({ type: "tel", value: user?.phone_number ?? "", placeholder: "+12125550123" }),
    hint: "With the country code, for example +12125550123.",
  });
  const zone = field({
    name: "time_zone",
    label: "Time zone",
    control: text({ list: "zones", value: user?.time_zone ?? "", placeholder: "America/New_York" }),
    optional: true,
  });
  zone.element.append(zones);
  const fields = [name, email, number, zone];
  const once = onceKey();
  return formDialog({
    title: user ? "Edit user" : "New user",
    action: user ? "Save" : "Create user",
    fields,
    send: () => {
      const body = {};
      for (const { name: field, control } of fields) {
        const value = control.value.trim();
        if (user ? value !== (user[field] ?? "") : value) {
          body[field] = field === "time_zone" && !value ? null : value;
        }
      }
      return user ? change(`/users/${segment(user.id)}`, body) : once((key) => post("/users", body, key));
    },
    done: (saved) => {
      noteUser(saved);
      toast(user ? "Saved" : `${saved.name} was created`);
      done(saved);
    },
  });
}
