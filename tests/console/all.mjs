// All tests of the console, in one browser. `cargo xtask console` starts the service for them.

import { after, before } from "node:test";

import { begin, end } from "./support.mjs";

before(begin);
after(end);

await import("./sign_in.mjs");
await import("./calls.mjs");
await import("./steps.mjs");
await import("./scheduled.mjs");
await import("./attempts.mjs");
await import("./batches.mjs");
await import("./access.mjs");
await import("./recordings.mjs");
await import("./audio.mjs");
await import("./transcripts.mjs");
await import("./users.mjs");
await import("./outage.mjs");
await import("./dialing.mjs");
await import("./accessibility.mjs");
await import("./many_calls.mjs");
