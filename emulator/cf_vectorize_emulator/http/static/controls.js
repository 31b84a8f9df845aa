/** What changes something: each button is a control route. */

import {ask} from "./api.js";
import {at, draw, make, quiet} from "./dom.js";

const PRESETS = {
  "503, HTML page": {status: 503, html: true, message: "Service Temporarily Unavailable"},
  "500 in the envelope": {status: 500, message: "Internal error"},
  "429, throttled": {status: 429, code: 971, headers: {"retry-after": "5"}},
  "504 after it was stored": {status: 504, html: true, commit: true},
  "reset before the body": {reset: "before"},
  "reset after it was stored": {reset: "after"},
  "slow answer": {delay: 5},
  "answer cut short": {truncate: 20},
  "every fourth fails": {status: 502, html: true, share: 0.25, times: null},
  "wrong ids": {endpoint: "get_by_ids", wrong_ids: true},
  "an answer twice": {answers: 2},
  "endless answer": {endless: 0.5},
};
// Members that a fault has without anybody's doing.
const USUAL = JSON.stringify([null, 1, false, 0, {}, [], "Injected fault"]);

const short = fault => JSON.stringify(Object.fromEntries(Object.entries(fault).filter(
  ([key, value]) => key === "times" ? value !== 1 : !JSON.parse(USUAL).some(usual => JSON.stringify(usual) === JSON.stringify(value)))));

export const showControls = state => {
  draw("visibility", [state.visibility, state.pending.length], ([{visible, jitter, order}, pending]) => {
    const when = {immediately: "immediately", held: "when released (held)"}[visible]
      ?? `after ${visible}${jitter ? ` to ${+visible + jitter}` : ""} s`;
    at("visibility").replaceChildren("What is accepted from now on becomes readable ", make("b", {}, when),
      order === "accepted" ? "." : `, order: ${order}.`);
    at("release").disabled = !pending;
    at("hold").disabled = visible === "held";
    at("immediately").disabled = visible === "immediately";
  });
  draw("rate", state.rate_limit, rate => {
    const [requests, seconds] = rate?.split("/") ?? [];
    at("rate").replaceChildren(...rate ? [make("b", {}, `${(+requests).toLocaleString("en")} requests in ${seconds} s`),
      ", then a block for as long."] : [make("b", {}, "None"), " is kept; Cloudflare's is 1200/300."]);
    at("lift").disabled = !rate;
  });
  draw("faults", state.faults, faults => {
    at("faults").replaceChildren(...faults.length
      ? faults.map(fault => make("li", {className: "mono"}, short(fault))) : [make("li", {}, quiet("None is waiting."))]);
    at("clear").disabled = !faults.length;
  });
};

export const start = act => {
  const on = (id, action) => {
    const element = at(id);
    element[element.tagName === "FORM" ? "onsubmit" : "onclick"] = event => { event.preventDefault(); act(action); };
  };
  on("set-visibility", () => ask("PUT", "visibility", {visible: at("seconds").value.trim()}));
  on("immediately", () => ask("PUT", "visibility", {visible: "immediately"}));
  on("hold", () => ask("PUT", "visibility", {visible: "held"}));
  on("release", () => ask("POST", "release", {}));
  on("set-rate", () => ask("PUT", "rate-limit", {rate: at("requests-per-seconds").value.trim()}));
  on("lift", () => ask("PUT", "rate-limit", {rate: null}));
  on("clear", () => ask("DELETE", "faults"));
  on("inject", () => {
    let fault;
    try { fault = JSON.parse(at("fault").value); } catch (error) { throw new Error(`The fault is not JSON: ${error.message}`); }
    return ask("POST", "faults", fault);
  });
  at("preset").replaceChildren(...Object.keys(PRESETS).map(name => make("option", {}, name)));
  at("preset").onchange = () => { at("fault").value = JSON.stringify(PRESETS[at("preset").value]); };
  at("preset").onchange();
};
