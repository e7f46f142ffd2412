// Rebuilds TwiML documents with the SDK's VoiceResponse: reads them from standard input as JSON, and prints them as a list of XML.

import { text } from "node:stream/consumers";

import { VoiceResponse } from "./simulator.mjs";

const documents = JSON.parse(await text(process.stdin));
console.log(JSON.stringify(documents.map((root) => fill(new VoiceResponse(), root.content).toString())));

/** Adds text and elements to an element of the SDK. An element is `{name, attributes, content}`. */
function fill(parent, content) {
  for (const node of content) {
    if (typeof node === "string") {
      parent.addText(node);
      continue;
    }
    const method = node.name.replace(/-(.)|^./g, (start, letter) => letter?.toUpperCase() ?? start.toLowerCase());
    if (typeof parent[method] !== "function") throw new Error(`the SDK has no <${node.name}> here`);
    // Text is the argument after the attributes.
    const [first, ...rest] = node.content;
    if (typeof first === "string") fill(parent[method](node.attributes, first), rest);
    else fill(parent[method](node.attributes), node.content);
  }
  return parent;
}
