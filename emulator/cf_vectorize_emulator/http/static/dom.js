/** Elements, made of text only: what clients sent never becomes markup. */

export const at = id => document.getElementById(id);

export const make = (name, options = {}, ...children) => {
  const element = Object.assign(document.createElement(name), options);
  element.append(...children.filter(child => child !== null && child !== undefined));
  return element;
};

export const quiet = text => make("span", {className: "quiet"}, text);

/** Show rows; `columns` are [title, cell of a row, class]. */
export const table = (place, columns, rows, empty, open) => {
  if (!rows.length) return place.replaceChildren(make("p", {className: "empty"}, empty));
  const head = make("tr", {}, ...columns.map(([title, , className = ""]) => make("th", {className}, title)));
  const body = rows.map(row => make(
    "tr", open ? {className: "opens", onclick: () => open(row)} : {},
    ...columns.map(([, cell, className = ""]) => make("td", {className}, cell(row))),
  ));
  place.replaceChildren(make("table", {}, make("thead", {}, head), make("tbody", {}, ...body)));
};

const shown = new Map();
/** Draw a part of the page when its data changed: what has not is left alone, with its focus and its selection. */
export const draw = (part, data, how) => {
  const text = JSON.stringify(data);
  if (shown.get(part) === text) return;
  shown.set(part, text);
  how(data);
};

export const whole = number => number.toLocaleString("en");
export const clock = seconds => new Date(seconds * 1000).toTimeString().slice(0, 8);
export const bytes = size =>
  size < 1e3 ? `${size} B` : size < 1e6 ? `${(size / 1e3).toFixed(1)} kB` : `${(size / 1e6).toFixed(1)} MB`;

/** Ask before something is lost; give whether it may be. */
export const confirmed = question => new Promise(resolve => {
  const dialog = at("confirm");
  at("question").textContent = question;
  dialog.returnValue = "no";
  dialog.onclose = () => resolve(dialog.returnValue === "yes");
  dialog.showModal();
});
