// Images and files for the next message, by button, paste or drop, where the app allows them.

import { call, wordsFor } from "./api.js";
import { data } from "./data.js";
import { announce, byId, iconButton, part } from "./dom.js";
import { fileSize, t } from "./i18n.js";
import { fileChip } from "./question.js";
import { notice } from "./snackbar.js";

const EXTENSIONS = {
  document:
    "txt md mdx markdown pdf html xlsx xls doc docx csv eml msg pptx ppt xml epub".split(" "),
  audio: "mp3 m4a wav amr mpga".split(" "),
  video: "mp4 mov mpeg webm".split(" "),
};
const LIMITS = { image: "image_file_size_limit", audio: "audio_file_size_limit", video: "video_file_size_limit" };

let rules = { types: [], extensions: [], most: 0, limits: {} };
let attached = []; // {type, name, size, preview, id, chip, connection}
let changed = () => {};

export function startUploads(whenChanged) {
  changed = whenChanged;
  byId("attach").addEventListener("click", () => byId("file-input").click());
  byId("file-input").addEventListener("change", (event) => {
    add(event.target.files);
    event.target.value = "";
  });
  byId("input").addEventListener("paste", (event) => {
    if (!event.clipboardData?.files.length || !rules.most) return;
    event.preventDefault();
    add(event.clipboardData.files);
  });
  acceptDrops(byId("main"));
}

/** `parameters`: the app's, as Dify has them. */
export function allowUploads({ file_upload: upload = {}, system_parameters: limits = {} }) {
  const local = (methods) => !methods || methods.includes("local_file");
  const image = upload.image ?? {};
  const imagesOnly = image.enabled && local(image.transfer_methods);
  const any = upload.enabled && upload.allowed_file_types?.length && local(upload.allowed_file_upload_methods);
  const types = any ? upload.allowed_file_types : imagesOnly ? ["image"] : [];
  const extensions = (upload.allowed_file_extensions ?? []).map((name) => name.replace(/^\./, "").toLowerCase());
  rules = { types, extensions, limits, most: types.length ? (upload.number_limits ?? image.number_limits ?? 3) : 0 };
  byId("attach").hidden = !rules.most;
  byId("file-input").accept = accepted();
}

function accepted() {
  const own = { image: "image/*", audio: "audio/*", video: "video/*" };
  const dotted = (names) => names.map((name) => `.${name}`);
  return rules.types
    .flatMap((type) => own[type] ?? dotted(type === "custom" ? rules.extensions : (EXTENSIONS[type] ?? [])))
    .join(",");
}

function acceptDrops(area) {
  area.addEventListener("dragover", (event) => {
    if (!rules.most || !event.dataTransfer?.types.includes("Files")) return;
    event.preventDefault();
    area.classList.add("dropping");
  });
  for (const name of ["dragleave", "drop"]) {
    area.addEventListener(name, (event) => {
      if (name === "dragleave" && area.contains(event.relatedTarget)) return;
      area.classList.remove("dropping");
      if (name === "dragleave" || !rules.most || !event.dataTransfer?.files.length) return;
      event.preventDefault();
      add(event.dataTransfer.files);
    });
  }
}

function add(files) {
  for (const file of files) {
    const problem = problemOf(file);
    if (problem) notice(problem);
    else upload(file);
  }
}

function problemOf(file) {
  const type = typeOf(file);
  if (attached.length >= rules.most) return t("too_many_files", { number: rules.most });
  if (!type) return t("file_type_refused", { name: file.name });
  const megabytes = rules.limits[LIMITS[type] ?? "file_size_limit"] ?? Infinity;
  const most = Math.min(data.maxFileBytes, megabytes * 1024 * 1024);
  return file.size > most ? t("file_too_large", { name: file.name, size: fileSize(most) }) : "";
}

/** image, document, audio, video or custom, as Dify sorts them; "" if the app does not take it. */
function typeOf(file) {
  const extension = file.name.split(".").pop().toLowerCase();
  const media = file.type.split("/")[0];
  const type = ["image", "audio", "video"].includes(media) ? media : "document";
  if (rules.types.includes("custom") && rules.extensions.includes(extension)) return "custom";
  if (!rules.types.includes(type)) return "";
  return type !== "document" || EXTENSIONS.document.includes(extension) ? type : "";
}

async function upload(file) {
  const entry = { type: typeOf(file), name: file.name, size: file.size, id: "", connection: new AbortController() };
  if (entry.type === "image") entry.preview = URL.createObjectURL(file);
  entry.chip = fileChip(entry);
  const remove = iconButton("close", t("remove_file", { name: file.name }));
  remove.addEventListener("click", () => drop(entry));
  part(entry.chip, "controls").append(remove);
  entry.chip.classList.add("uploading");
  attached.push(entry);
  show();
  const body = new FormData();
  body.append("file", file);
  try {
    entry.id = (await call("POST", "files", { body, signal: entry.connection.signal })).id;
    entry.chip.classList.remove("uploading");
    announce(t("file_added", { name: file.name }));
    changed();
  } catch (error) {
    if (error.name === "AbortError") return;
    drop(entry);
    notice(`${file.name}: ${wordsFor(error)}`, { action: { label: t("retry"), run: () => add([file]) } });
  }
}

function drop(entry) {
  entry.connection.abort();
  attached = attached.filter((other) => other !== entry);
  show();
}

function show() {
  byId("attachments").replaceChildren(...attached.map((entry) => entry.chip));
  byId("attachments").hidden = !attached.length;
  changed();
}

export function attachments() {
  return { any: attached.length > 0, ready: attached.every((entry) => entry.id) };
}

/** Hands over what is attached, and starts afresh. */
export function takeAttachments() {
  const taken = attached.map(({ type, id, name, size, preview }) => ({ type, id, name, size, preview }));
  attached = [];
  show();
  return taken;
}
