/** The control routes, and the token that they may want. */

const FRAGMENT = new URLSearchParams(location.hash.slice(1));
if (FRAGMENT.has("token")) {
  // Kept for this tab only, and out of the address, which people copy.
  sessionStorage.setItem("token", FRAGMENT.get("token"));
  history.replaceState(null, "", location.pathname);
}

export const token = () => sessionStorage.getItem("token");
export const keepToken = text => sessionStorage.setItem("token", text);

export class Refused extends Error {}

export const ask = async (method, path, body) => {
  const headers = token() ? {authorization: `Bearer ${token()}`} : {};
  if (body !== undefined) headers["content-type"] = "application/json";
  const response = await fetch("/__emulator__/" + path, {method, headers, body: body && JSON.stringify(body)});
  const answer = await response.json();
  if (response.ok) return answer;
  const message = answer.errors[0].message;
  throw response.status === 403 ? new Refused(message) : new Error(message);
};

export const get = path => ask("GET", path);
