// The page for a token that is missing, expired or no good: the token leaves the address, the parent hears of it.

import { addressWithToken } from "./address.js";
import { hearParent, tellParent } from "./parent.js";

const AGAIN = "again"; // in the address: a second token was no better, so a third will not be asked for

function comeBackWith({ token }) {
  if (typeof token !== "string" || !token) return;
  const next = addressWithToken(token);
  next.searchParams.set(AGAIN, "1");
  location.replace(next);
}

hearParent({ token: comeBackWith });
if (!new URLSearchParams(location.search).has(AGAIN)) tellParent("token-expired");
