// Splits a table of recipients into parts that one request can take. The API reads and checks the cells.

/** The most rows and bytes of one request. The API takes 1,000 rows and 4 MiB; fewer rows show progress sooner. */
const ROWS = 500;
const BYTES = 3_000_000;

const DELIMITERS = [",", ";", "\t", "|"];
const BLANK_ROW = /^[\s,;|"]*$/;
const HINT = /^\W*sep=/i;

/** Decodes a file as the API does: UTF-16 with a byte order mark, otherwise UTF-8. */
export async function textOf(file) {
  const bytes = new Uint8Array(await file.arrayBuffer());
  const mark = (bytes[0] << 8) | bytes[1];
  const encoding = { 0xfffe: "utf-16le", 0xfeff: "utf-16be" }[mark] ?? "utf-8";
  return new TextDecoder(encoding).decode(bytes);
}

/** Yields each row with its text, its first line and its last one, from 1. A quoted cell may have line breaks. */
function* rows(text, delimiters) {
  let [begin, first, line, isQuoted, opensQuote] = [0, 1, 1, false, true];
  for (let at = 0; at < text.length; at += 1) {
    const letter = text[at];
    const isBreak = letter === "\n" || (letter === "\r" && text[at + 1] !== "\n");
    if (isQuoted) {
      if (letter === '"') isQuoted = false;
      if (isBreak) line += 1;
    } else if (isBreak) {
      yield { text: text.slice(begin, at).replace(/\r$/, ""), first, last: line };
      line += 1;
      [begin, first, opensQuote] = [at + 1, line, true];
    } else if (letter === '"' && opensQuote) {
      isQuoted = true;
    } else {
      opensQuote = delimiters.includes(letter) || (opensQuote && letter.trim() === "");
    }
    // The second of two quotes continues the cell.
    if (letter === '"' && !isQuoted) opensQuote = true;
  }
  if (begin < text.length) yield { text: text.slice(begin), first, last: line };
}

/** The delimiter that the table's header has most often. */
function delimiterOf(text) {
  const [header] = text.split(/[\r\n]+/).filter((line) => !BLANK_ROW.test(line) && !HINT.test(line));
  const counted = DELIMITERS.map((delimiter) => [delimiter, (header ?? "").split(delimiter).length]);
  return counted.reduce((best, one) => (one[1] > best[1] ? one : best))[0];
}

/**
 * Splits a table. Each part has the header, `csv`, and the first line of each of its rows, `lines`. Blank lines take the places of the
 * rows of other parts, so that the API's line numbers are those of the whole table.
 */
export function csvParts(text) {
  const encoder = new TextEncoder();
  const hint = text.split(/[\r\n]/, 1)[0];
  const delimiters = HINT.test(hint) ? DELIMITERS.filter((one) => hint.includes(one)) : [delimiterOf(text)];
  const head = [];
  const parts = [];
  let part = null;
  for (const row of rows(text.replace(/^\ufeff/, ""), delimiters)) {
    const isBlank = BLANK_ROW.test(row.text);
    if (head.length === 0 || HINT.test(head.at(-1).text)) {
      if (!isBlank) head.push(row);
      continue;
    }
    if (isBlank) continue;
    const size = encoder.encode(row.text).length + 1;
    if (!part || part.lines.length === ROWS || part.bytes + size > BYTES) {
      part = { csv: "", lines: [], bytes: 0, line: 1 };
      parts.push(part);
      for (const one of head) add(part, one);
    }
    add(part, row);
    part.lines.push(row.first);
    part.bytes += size;
  }
  // Without any row, the API says what is missing.
  return parts.length > 0 ? parts : [{ csv: text, lines: [] }];
}

function add(part, row) {
  part.csv += `${"\n".repeat(row.first - part.line)}${row.text}\n`;
  part.line = row.last + 1;
}

/** Gives a fault of a part its line: `recipients[3].to_number` becomes `line 5, to_number`. */
export function locate({ field, message }, lines) {
  const [, index, name] = /^recipients\[(\d+)\](?:\.(.+))?$/.exec(field) ?? [];
  if (index === undefined) return { field, message };
  const line = `line ${lines[index] ?? "?"}`;
  return { field: name ? `${line}, ${name}` : line, message: message.replace(/ \(line \d+\)$/, "") };
}
