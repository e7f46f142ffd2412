// Every test of the console, in one browser. `cargo xtask console` starts what they need.

import { after, before } from "node:test";

import { begin, end } from "./stage.mjs";

before(begin);
after(end);

await import("./entering.mjs");
await import("./calls.mjs");
await import("./recordings.mjs");
await import("./audio.mjs");
await import("./users.mjs");
await import("./outage.mjs");
await import("./dialing.mjs");
await import("./reach.mjs");
await import("./many.mjs");
