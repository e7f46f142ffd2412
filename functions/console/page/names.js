// The names of users, each requested once and a few at a time.

import { get, segment, withQuery } from "./api.js";

const AT_ONCE = 4;

let known = new Map();
let waiting = new Map();
let queue = [];
let running = 0;
let refused = false;
let first = null;

export function forgetNames() {
  known = new Map();
  waiting = new Map();
  queue = [];
  refused = false;
  first = null;
}

/** Stores the name of a user from another response. */
export function noteUser(user) {
  known.set(user.id, user.name);
}

export function nameOf(id) {
  return known.get(id);
}

/** Calls `then` with the user's name now or later, or never if the name is unavailable. */
export async function withName(id, then) {
  if (known.has(id)) {
    then(known.get(id));
    return;
  }
  // The id of an erased person is empty.
  if (refused || id === "") return;
  const others = waiting.get(id);
  if (others) {
    others.push(then);
    return;
  }
  waiting.set(id, [then]);
  // In most services, the first page of users has all the names on the screen.
  first ??= get(withQuery("/users", { page_size: 100 })).then(
    ({ users }) => users.forEach(noteUser),
    (problem) => {
      refused = problem.status === 403;
    },
  );
  await first;
  if (refused) return;
  queue.push(id);
  next();
}

async function next() {
  if (running >= AT_ONCE || queue.length === 0) return;
  running += 1;
  const id = queue.shift();
  try {
    if (!known.has(id)) noteUser(await get(`/users/${segment(id)}`));
    waiting.get(id)?.forEach((then) => then(known.get(id)));
  } catch {
    // Without the name, the page shows the call alone.
  }
  waiting.delete(id);
  running -= 1;
  next();
}
