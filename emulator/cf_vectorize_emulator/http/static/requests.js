/** The last requests, and one of them opened. */

import {get} from "./api.js";
import {at, bytes, clock, draw, make, quiet, table, whole} from "./dom.js";

const name = row => row.endpoint ?? `${row.method} ${row.path.replace(/^.*\/indexes\/[^/]+/, "…")}`;
const good = row => row.status !== null && row.status < 400 && !row.fault;
const outcome = row => make("span", {className: good(row) ? "good" : "bad"}, String(row.status ?? "no answer"));

const notes = row => {
  const tags = [];
  if (row.fault) tags.push("injected fault");
  if (row.again !== null) tags.push("sent again");
  if (row.discarded) tags.push(`${whole(row.discarded)} discarded`);
  if (row.pending.length) tags.push(`${row.pending.length} not readable yet`);
  return make("span", {}, ...tags.flatMap(tag => [make("span", {className: "tag"}, tag), " "]));
};

const columns = [
  ["Time", row => clock(row.at)],
  ["Request", row => make("button", {type: "button", className: "link mono"}, name(row)), "name"],
  ["Index", row => make("span", {className: "mono"}, row.index ?? ""), "name roomy"],
  ["Status", outcome],
  ["Code", row => row.code ? make("span", {className: "bad"}, String(row.code)) : ""],
  ["Vectors", row => whole(row.vectors), "number roomy"],
  ["Body", row => bytes(row.bytes), "number roomy"],
  ["Took", row => `${(row.seconds * 1000).toFixed(1)} ms`, "number roomy"],
  ["", notes, "roomy"],
];

export const showRequests = state => {
  at("count").textContent = `${whole(state.requests_started)} since the start`;
  const failed = at("only-failed").checked;
  const rows = state.requests.filter(row => !failed || !good(row)).reverse();
  draw("requests", rows, () => table(at("requests"), columns, rows,
    failed ? "None of the last requests failed." : "None yet: set the three variables and start your program.", open));
};

const list = (entries, className = "") => make("dl", {className}, ...entries.flatMap(
  ([term, description]) => [make("dt", {}, term), make("dd", {}, description)]));

const headers = (title, entries) => [make("h3", {}, title), Object.keys(entries).length
  ? list(Object.entries(entries).map(([key, value]) => [make("code", {}, key), make("code", {}, value)]), "headers")
  : quiet("none")];

const line = row => row.line && [
  make("h3", {}, row.discarded ? `The first of ${whole(row.discarded)} lines that were discarded` : "The line that was refused"),
  make("div", {id: "line"}, make("b", {}, `Line ${whole(row.line.number)}: `), row.line.reason),
  make("pre", {}, row.line.excerpt || "(nothing)"),
];

const attempts = (row, all) => all.length > 1 && [
  make("h3", {}, `The same was sent ${all.length} times`),
  make("div", {id: "attempts"}, ...all.flatMap(item => [
    item.number === row.number ? make("b", {}, `#${item.number}`)
      : make("button", {type: "button", className: "link", onclick: () => open(item)}, `#${item.number}`),
    ` ${clock(item.at)} `, outcome(item), item === all.at(-1) ? "" : " → ",
  ])),
];

export const open = async ({number}) => {
  const dialog = at("opened");
  const {request: row, attempts: all} = await get(`request?number=${number}`);
  const entries = [
    ["status", outcome(row)],
    ["code", row.code ? make("span", {className: "bad"}, String(row.code)) : quiet("none")],
    ["index", row.index ?? quiet("none")],
    ["vectors", whole(row.vectors) + (row.ids ? ` of ${row.ids} ids` : "")],
    ["body", `${bytes(row.bytes)}${row.checksum === null ? ", not read to its end" : ""}`],
    ["took", `${(row.seconds * 1000).toFixed(1)} ms, at ${clock(row.at)}`],
    ["cf-ray", make("code", {}, row.ray || "none")],
  ];
  if (row.pending.length) entries.push(["accepted, not readable yet", make("code", {}, row.pending.join("  "))]);
  if (row.fault) entries.push(["fault", "this answer was made by an injected fault"]);
  dialog.replaceChildren(
    make("header", {},
      make("div", {}, make("b", {}, `#${row.number} ${row.method} `), make("span", {className: "mono"}, row.path)),
      make("button", {type: "button", className: "button right", onclick: () => dialog.close()}, "Close")),
    ...[row.message && make("p", {className: "message bad"}, row.message)].filter(Boolean),
    ...[line(row), attempts(row, all)].flatMap(part => part || []),
    make("h3", {}, "What was answered"), list(entries),
    ...[headers("Headers of the request", row.headers),
      headers("Headers of the answer", row.answer_headers)].flat());
  if (!dialog.open) dialog.showModal();
  dialog.scrollTop = 0;
};
