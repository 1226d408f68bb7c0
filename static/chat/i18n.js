// Words, dates and numbers in the page's language.

import { data } from "./data.js";

export function t(key, values = {}) {
  const text = data.texts[key] ?? key;
  return text.replace(/\{(\w+)\}/g, (whole, name) => values[name] ?? whole);
}

const clock = new Intl.DateTimeFormat(data.lang, { hour: "numeric", minute: "2-digit" });
const day = new Intl.DateTimeFormat(data.lang, { month: "short", day: "numeric", hour: "numeric", minute: "2-digit" });
const otherYear = new Intl.DateTimeFormat(data.lang, { dateStyle: "medium" });
const full = new Intl.DateTimeFormat(data.lang, { dateStyle: "full", timeStyle: "short" });

/** `seconds` since 1970, as everywhere in the API. */
export function shortTime(seconds) {
  const date = new Date(seconds * 1000);
  const sameYear = date.getFullYear() === new Date().getFullYear();
  const format = daysAgo(seconds) <= 0 ? clock : sameYear ? day : otherYear;
  return format.format(date);
}

export function fullTime(seconds) {
  return full.format(new Date(seconds * 1000));
}

export function period(seconds) {
  const days = daysAgo(seconds);
  if (days <= 0) return t("today");
  if (days === 1) return t("yesterday");
  if (days <= 7) return t("last_week");
  return days <= 30 ? t("last_month") : t("older");
}

function daysAgo(seconds) {
  const midnight = new Date().setHours(0, 0, 0, 0);
  return Math.ceil((midnight - seconds * 1000) / 86_400_000);
}

export function fileSize(bytes) {
  const [value, unit] = bytes < 1_000_000 ? [bytes / 1000, "kilobyte"] : [bytes / 1_000_000, "megabyte"];
  return new Intl.NumberFormat(data.lang, { style: "unit", unit, maximumFractionDigits: 1 }).format(value);
}
