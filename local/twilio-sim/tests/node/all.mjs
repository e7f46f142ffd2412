// All tests of the simulator with Twilio's SDK for Node. `cargo xtask test --only simulator-and-twilios-sdk` runs them.

await import("./calls.mjs");
await import("./express.mjs");
