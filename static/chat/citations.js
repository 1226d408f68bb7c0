// What an answer rests on, folded under it.

import { made, part } from "./dom.js";
import { data } from "./data.js";
import { t } from "./i18n.js";

const percent = new Intl.NumberFormat(data.lang, { style: "percent" });

/** `resources`: Dify's retriever_resources. */
export function citationsView(resources) {
  const view = made("citations-template");
  part(view, "title").textContent = t("sources", { number: resources.length });
  part(view, "list").append(...resources.map(source));
  return view;
}

function source(resource) {
  const row = made("citation-template");
  part(row, "name").textContent = resource.document_name || resource.dataset_name || t("a_source");
  part(row, "score").textContent = Number.isFinite(resource.score)
    ? t("relevance", { score: percent.format(Math.min(1, Math.max(0, resource.score))) })
    : "";
  part(row, "snippet").textContent = resource.content ?? "";
  return row;
}
