// Hides what the API key does not allow. The style sheet hides the actions, marked by `data-needs`, whose scope the key lacks.

import { health } from "./api.js";

const SCOPES = ["calls:write", "users:write"];

let asked = 0;

/** Reads the scopes of the key. Until they are known, all actions are shown: the API refuses those that the key lacks. */
export async function learnScopes() {
  const { dataset } = document.documentElement;
  delete dataset.lacks;
  asked += 1;
  const mine = asked;
  try {
    const { scopes } = await health();
    // The user may have signed in with another key meanwhile.
    if (scopes && mine === asked) dataset.lacks = SCOPES.filter((scope) => !scopes.includes(scope)).join(" ");
  } catch {
    // All actions stay.
  }
}
