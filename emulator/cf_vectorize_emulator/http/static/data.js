/** Indexes, pending mutations, ids and vectors. */

import {ask, get} from "./api.js";
import {at, confirmed, draw, make, quiet, table, whole} from "./dom.js";

let indexes = [];
let after = "";

const same = row => `${row.account}/${row.name}`;
const chosen = () => indexes.find(row => same(row) === at("index").value);

export const showIndexes = (state, act) => draw("indexes", state.indexes, rows => {
  table(at("indexes"), [
    ["Name", row => make("button", {type: "button", className: "link mono", onclick: () => choose(row)}, row.name), "name"],
    ["Dimensions", row => whole(row.dimensions), "number roomy"],
    ["Vectors", row => whole(row.vectors), "number"],
    ["Account", row => make("span", {className: "mono quiet", title: row.account}, row.account.slice(0, 6) + "…"), "roomy"],
    ["", row => make("button", {type: "button", className: "button danger", onclick: () => act(() => reset(row))}, "Reset"), "number"],
  ], rows, "None yet: an index comes into being at its first insert.");
  const before = at("index").value;
  indexes = rows;
  at("index").replaceChildren(...rows.map(row => make("option", {value: same(row)}, row.name)));
  if (rows.some(row => same(row) === before)) at("index").value = before;
  if (at("index").value !== before || !at("ids").childElementCount) search();
});

const reset = async row => {
  const question = `Delete the index ${row.name} of account ${row.account} with its ${whole(row.vectors)} vectors?`;
  if (await confirmed(question)) await ask("POST", "reset", {account: row.account, index: row.name});
};

export const resetEverything = async () => {
  const vectors = indexes.reduce((sum, row) => sum + row.vectors, 0);
  const question = `Delete ${whole(indexes.length)} indexes with ${whole(vectors)} vectors, forget the requests, and put `
    + "visibility, faults and rate limit back to how the emulator was started?";
  if (await confirmed(question)) await ask("POST", "reset", {});
};

const inSeconds = (moment, now) =>
  moment === null ? "when released" : moment <= now ? "now" : `in ${(moment - now).toFixed(1)} s`;

export const showPending = state => draw("pending", [state.pending, state.pending.length && state.now], ([rows, now]) =>
  table(at("pending"), [
    ["Index", row => make("span", {className: "mono"}, row.index_name), "name"],
    ["Mutation", row => make("span", {className: "mono quiet", title: row.uuid}, row.uuid.slice(0, 8) + "…"), "roomy"],
    ["Vectors", row => whole(row.vectors), "number"],
    ["Readable", row => row.readable_at === row.settled_at ? inSeconds(row.readable_at, now)
      : `${inSeconds(row.readable_at, now)}, all ${inSeconds(row.settled_at, now)}`, "number"],
  ], rows, "None: everything that was accepted can be read."));

const query = more => {
  const {account, name: index} = chosen();
  return new URLSearchParams({account, index, ...more});
};

const choose = row => {
  at("index").value = same(row);
  at("text").value = "";
  return search();
};

const page = async from => {
  after = from;
  at("first").hidden = at("next").hidden = true;
  if (!chosen()) {
    at("ids").replaceChildren();
    return at("vector").replaceChildren(quiet("No index yet."));
  }
  const {ids, more} = await get("ids?" + query({search: at("text").value, after}));
  at("ids").replaceChildren(...ids.map(id =>
    make("button", {type: "button", className: "link", onclick: () => show(id)}, id)));
  at("first").hidden = !after;
  at("next").hidden = !more;
  at("next").onclick = () => page(ids.at(-1));
  if (ids.length) await show(ids[0]);
  else at("vector").replaceChildren(quiet(at("text").value ? "No id holds this text." : "The index is empty."));
};

export const search = () => page("");

const svg = (name, attributes) => {
  const element = document.createElementNS("http://www.w3.org/2000/svg", name);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  return element;
};

/** Draw the values as bars from the line of zero. */
const plot = values => {
  const high = Math.max(...values, 0), low = Math.min(...values, 0), span = high - low || 1;
  const picture = svg("svg", {viewBox: `0 0 ${values.length} 100`, preserveAspectRatio: "none", role: "img",
    "aria-label": "the values as bars"});
  values.forEach((value, x) => picture.append(svg("rect", {
    x: x + .1, width: .8, y: (high - Math.max(value, 0)) / span * 100, height: Math.abs(value) / span * 100,
  })));
  return picture;
};

const show = async id => {
  try {
    const {vector, readable} = await get("vector?" + query({id}));
    const entries = {
      id: make("code", {}, vector.id),
      state: make("span", {className: readable ? "good" : "bad"}, readable ? "readable" : "accepted, not readable yet"),
      namespace: vector.namespace ?? quiet("none"),
      metadata: vector.metadata ? make("code", {}, JSON.stringify(vector.metadata)) : quiet("none"),
    };
    at("vector").replaceChildren(
      make("dl", {}, ...Object.entries(entries).flatMap(([name, value]) => [make("dt", {}, name), make("dd", {}, value)])),
      plot(vector.values),
      quiet(`${vector.values.length} values, ${Math.min(...vector.values)} to ${Math.max(...vector.values)}`),
      make("div", {className: "mono", id: "numbers"}, vector.values.join("  ")));
  } catch (error) {
    at("vector").replaceChildren(make("span", {className: "bad"}, error.message));
  }
};

at("search").onsubmit = event => { event.preventDefault(); search(); };
at("index").onchange = search;
at("first").onclick = search;
