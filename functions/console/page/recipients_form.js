// The form that adds recipients to a batch, from a file or from pasted text.

import { Problem, postCsv, segment } from "./api.js";
import { area } from "./controls.js";
import { csvParts, locate, textOf } from "./csv_parts.js";
import { h, setText, toast } from "./dom.js";
import { field, fieldProblem, formDialog } from "./forms.js";
import { count, plural } from "./format.js";

/** The largest file that is read. A batch has at most 100,000 recipients. */
const FILE_MAX_BYTES = 100 * 1024 * 1024;
/** The most faults that are shown. */
const SHOWN = 50;

/** Pauses before a part is sent again while the service is unavailable. A repeat adds no recipient twice. */
const PAUSES_MS = [1_000, 3_000, 8_000];

const pause = (milliseconds) => new Promise((resolve) => setTimeout(resolve, milliseconds));

async function sendPart(path, csv) {
  for (const milliseconds of PAUSES_MS) {
    try {
      return await postCsv(path, csv);
    } catch (problem) {
      if (!problem.isAway) throw problem;
      await pause(Math.max(milliseconds, Math.min(problem.retryAfterMs ?? 0, PAUSES_MS.at(-1))));
    }
  }
  return postCsv(path, csv);
}

/** The problem that lists the faults of all parts by line. */
function refusal(faults, done) {
  const errors = faults.slice(0, SHOWN);
  const more = faults.length > SHOWN ? `, of which the first ${SHOWN} follow` : "";
  const taken = done.added + done.duplicates;
  const kept = taken > 0 ? ` The batch has ${plural(taken, "row")} of other parts of the table.` : "";
  const detail = `${plural(faults.length, "fault")}${more}.${kept} Correct the table and add all of it again: the batch keeps the recipients that it has.`;
  return new Problem(422, { code: "recipients_refused", detail, errors });
}

/** Opens the form. `done` is called after recipients were added. */
export function addRecipients(batch, done) {
  const file = field({
    name: "file",
    label: "CSV file",
    control: h("input", { type: "file", accept: ".csv,.txt,.tsv,text/csv,text/plain" }),
    optional: true,
  });
  const pasted = field({
    name: "recipients",
    label: "Or paste the table",
    control: area(7, { placeholder: "to_number,external_id,first_name\n+12125550123,customer-4711,Ada", spellcheck: "false", wrap: "off" }),
    hint: "The first row names the columns: to_number, and external_id, time_zone and metadata.KEY if you need them. Every other column is a variable of the script.",
  });
  const progress = h("p", { class: "hint", role: "status" });
  const source = async () => {
    const [chosen] = file.control.files;
    if (!chosen) return pasted.control.value;
    if (chosen.size > FILE_MAX_BYTES) throw fieldProblem("file", "must be smaller than 100 MB");
    return textOf(chosen);
  };
  const dialog = formDialog({
    title: "Add recipients",
    action: "Add recipients",
    fields: [file, pasted],
    body: [file.element, pasted.element, progress],
    send: async () => {
      const text = await source();
      if (!text.trim()) throw fieldProblem("recipients", "must have a header and at least one row");
      const parts = csvParts(text);
      const rows = parts.reduce((sum, { lines }) => sum + lines.length, 0);
      const sum = { added: 0, duplicates: 0, total: 0 };
      const faults = [];
      let sent = 0;
      try {
        for (const { csv, lines } of parts) {
          // The person has closed the form.
          if (!dialog.open) break;
          setText(progress, parts.length > 1 ? `${count(sent)} of ${count(rows)} rows sent` : "");
          try {
            const { added, duplicates, total } = await sendPart(`/batches/${segment(batch.batch_id)}/recipients`, csv);
            sum.added += added;
            sum.duplicates += duplicates;
            sum.total = total;
          } catch (problem) {
            if (problem.code !== "validation_failed") throw problem;
            faults.push(...problem.errors.map((fault) => locate(fault, lines)));
          }
          sent += lines.length;
        }
      } finally {
        setText(progress, "");
        if (sum.added > 0) done();
      }
      if (faults.length > 0) throw refusal(faults, sum);
      return sum;
    },
    done: ({ added, duplicates }) => {
      toast(`${plural(added, "recipient")} added${duplicates > 0 ? `, ${count(duplicates)} already in the batch` : ""}`);
      done();
    },
  });
}
