/** The page: ask once a second what there is, show it, and do what is clicked. */

import {Refused, get, keepToken, token} from "./api.js";
import {at, clock} from "./dom.js";
import {showControls, start} from "./controls.js";
import {resetEverything, showIndexes, showPending} from "./data.js";
import {showRequests} from "./requests.js";

const say = message => {
  at("said").textContent = message;
  at("said").hidden = !message;
};

/** Do something, say what went wrong with it, and show what has changed. */
const act = async action => {
  try {
    say("");
    await action();
  } catch (error) {
    say(error.message);
  }
  await refresh();
};

const locked = is => {
  at("unlock").hidden = !is;
  at("main").hidden = is;
};

let last;
const refresh = async () => {
  const live = at("live");
  try {
    last = await get("state");
    locked(false);
    showControls(last); showRequests(last); showIndexes(last, act); showPending(last);
    live.textContent = `live, ${clock(last.now)}`;
    live.className = "quiet";
  } catch (error) {
    if (error instanceof Refused) {
      locked(true);
      at("refused").textContent = token() ? error.message : "";
      at("refused").hidden = !token();
    }
    live.textContent = error instanceof TypeError ? "the server does not answer" : error.message;
    live.className = "lost";
  }
};

const copy = async text => {
  try {
    await navigator.clipboard.writeText(text);
  } catch {  // only where the address is safe: not by the name of another machine
    const area = Object.assign(document.createElement("textarea"), {value: text});
    document.body.append(area);
    area.select();
    document.execCommand("copy");
    area.remove();
  }
};

at("address").textContent = location.origin + "/client/v4";
at("copy").onclick = async () => {
  await copy([
    `export CLOUDFLARE_BASE_URL=${location.origin}/client/v4`,
    "export CLOUDFLARE_ACCOUNT_ID=0123456789abcdef0123456789abcdef",
    `export CLOUDFLARE_API_TOKEN=${token() ?? "any-token"}`, "",
  ].join("\n"));
  at("copy").textContent = "Copied";
  setTimeout(() => { at("copy").textContent = "Copy variables"; }, 1500);
};
at("reset").onclick = () => act(resetEverything);
at("only-failed").onchange = () => showRequests(last);
at("unlock").onsubmit = event => {
  event.preventDefault();
  keepToken(at("token").value);
  refresh();
};
start(act);

const again = async () => {
  if (!document.hidden) await refresh();
  setTimeout(again, 1000);
};
again();
