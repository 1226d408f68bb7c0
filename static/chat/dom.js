// Small helpers for the page's own templates.

export function byId(id) {
  return document.getElementById(id);
}

/** A fresh copy of `<template id>`'s only element. */
export function made(id) {
  return byId(id).content.firstElementChild.cloneNode(true);
}

export function part(element, name) {
  return element.querySelector(`[data-part="${name}"]`);
}

export function icon(name) {
  const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  const use = document.createElementNS("http://www.w3.org/2000/svg", "use");
  svg.setAttribute("class", "icon");
  svg.setAttribute("aria-hidden", "true");
  use.setAttribute("href", `#icon-${name}`);
  svg.append(use);
  return svg;
}

export function setIcon(button, name) {
  button.querySelector("use").setAttribute("href", `#icon-${name}`);
}

export function iconButton(name, label) {
  const button = document.createElement("button");
  button.type = "button";
  button.className = "icon-button";
  button.append(icon(name));
  setLabel(button, label);
  return button;
}

export function setLabel(button, label) {
  button.title = label;
  button.setAttribute("aria-label", label);
}

let saying = 0;

/** Said by screen readers, once the one before it has been heard. */
export function announce(text) {
  const region = byId("announcer");
  clearTimeout(saying);
  region.textContent = "";
  saying = setTimeout(() => (region.textContent = text), 100);
}
